"""Where the real data sets are, for the tests that use them."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("project", deadline=None)
settings.load_profile("project")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data sets beside the project; a test that needs it is skipped where it is absent."""
    folder = Path(__file__).resolve().parents[4] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real data sets beside the project (../shared/data)")
    return folder
