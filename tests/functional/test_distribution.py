"""What a user installs: the wheel holds what the product needs and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with what is installed, so that nothing is fetched; skipped without the builder (`make docs` brings it)."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ROOT],
        check=True,
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_both_packages_the_sample_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    folders = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert folders == {"forecast", "pipelines"}
    assert "pipelines/sources/sample_data/daily.parquet" in names
    assert {"forecast/py.typed", "pipelines/py.typed"} <= names
    tracked = subprocess.run(
        ["git", "ls-files", "forecast", "pipelines"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    assert set(tracked) <= names


def test_the_wheel_answers_outside_the_repository(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel],
        check=True,
    )
    script = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "import forecast, pipelines.sources.sample as sample\n"
        f"assert forecast.__file__.startswith({str(site)!r}), forecast.__file__\n"
        "from forecast.__main__ import main\n"
        "sys.argv = ['forecast', 'fetch', 'AAPL', '--source', 'sample']\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data" / "store").is_dir()
