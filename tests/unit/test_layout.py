"""How the tests lie: helpers in tests/helpers, and a room of tests for each room of the product."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEST_MODULES = sorted((ROOT / "tests").rglob("test_*.py"))


PACKAGES = sorted(path.parent for name in ("forecast", "pipelines") for path in (ROOT / name).rglob("__init__.py"))


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


def public_names(package: Path) -> list[str]:
    for node in ast.parse((package / "__init__.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def is_module(path: Path) -> bool:
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


ROOMS = [package for package in PACKAGES if package != ROOT / "forecast"]  # the public functions are its names


@pytest.mark.parametrize("package", ROOMS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_package_says_what_it_is_for_and_names_what_others_may_use(package: Path) -> None:
    tree = ast.parse((package / "__init__.py").read_text())
    assert "to be described" not in (ast.get_docstring(tree) or "to be described")
    public = public_names(package)
    assert public == sorted(public)
    imported = imported_modules(package / "__init__.py")
    for name in public:  # modules of the package, or what it imports from its own
        assert is_module(package / name) or any(path.endswith(f".{name}") for path in imported), name


def test_rooms_use_of_each_other_what_their_packages_name() -> None:
    hidden = set()
    for path in (*(ROOT / "forecast").rglob("*.py"), *(ROOT / "pipelines").rglob("*.py")):
        for name in imported_modules(path):
            *package, module = name.split(".")
            folder = ROOT.joinpath(*package)
            if folder in ROOMS and folder not in path.parents and (folder / module).with_suffix(".py").is_file():
                hidden |= {name} if module not in public_names(folder) else set()
    assert not hidden, "add each to the __all__ of its package, or use what is public there"
