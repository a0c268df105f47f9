"""How the tests lie: helpers in tests/helpers, and a room of tests for each room of the product."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEST_MODULES = sorted((ROOT / "tests").rglob("test_*.py"))


def imported_modules(path: Path) -> set[str]:
    """The modules that a file imports, `from package import module` as package.module too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_imports_a_test_module_or_a_conftest(path: Path) -> None:
    others = {".".join(module.relative_to(ROOT).with_suffix("").parts) for module in TEST_MODULES}
    assert not imported_modules(path) & (others | {"tests.conftest"})


@pytest.mark.parametrize("package", ["forecast", "pipelines"])
def test_every_room_of_tests_is_a_room_of_the_product(package: str) -> None:
    for folder in (ROOT / "tests" / "unit" / package).rglob("*/"):
        if any(folder.glob("test_*.py")):
            assert (ROOT / folder.relative_to(ROOT / "tests" / "unit") / "__init__.py").is_file(), folder
