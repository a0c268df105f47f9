import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import mutants
from tests.equivalent_mutants import EQUIVALENT
from tests.mutants import MODULES, Mutant


@pytest.mark.parametrize("path", MODULES)
def test_every_reason_why_a_change_does_nothing_names_a_change_that_there_is(path: str) -> None:
    names = [mutant.name for mutant in mutants.mutants(path)]
    assert len(names) == len(set(names))
    assert {name for of, name in EQUIVALENT if of == path} <= set(names)


def test_reasons_are_given_for_changes_of_the_listed_modules_only() -> None:
    assert {path for path, _ in EQUIVALENT} <= set(MODULES)
    assert all(reason.strip() for reason in EQUIVALENT.values())


def test_a_change_is_named_by_the_function_around_it_and_by_its_number_from_the_second_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "module.py").write_text(
        """LIMIT = 5

class Box:
    def add(self, a: int = 1) -> int:
        def inside(b):
            return b > 1
        if a < 0:
            raise ValueError(f"{a + 1}")
        return inside(a) and a + 1
"""
    )
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    every = list(mutants.mutants("module.py"))
    assert sorted(mutant.name for mutant in every) == [
        "Box.add.inside: 1 -> 2",
        "Box.add.inside: b > 1 -> b >= 1",
        "Box.add: 0 -> 1",
        "Box.add: 1 -> 2",
        "Box.add: 1 -> 2 (2)",
        "Box.add: a + 1 -> a - 1",
        "Box.add: a < 0 -> a <= 0",
        "Box.add: inside(a) and a + 1 -> inside(a) or a + 1",
        "module: 5 -> 6",
    ]
    changed = {mutant.name: ast.unparse(mutant.tree) for mutant in every}
    assert "LIMIT = 6" in changed["module: 5 -> 6"]
    assert "return inside(a) and a - 1" in changed["Box.add: a + 1 -> a - 1"]
    unchanged = Mutant(path="module.py", line=0, place=0, change=mutants.UNCHANGED)
    assert ast.unparse(unchanged.tree) == ast.unparse(ast.parse((tmp_path / "module.py").read_text()))


def test_the_tests_of_a_mutant_leave_nothing_in_the_temporary_folder(tmp_path: Path) -> None:
    program = (
        "from tests.mutants import UNCHANGED, Mutant, survives\n"
        "mutant = Mutant(path='pipelines/preprocessing/scaling.py', line=0, place=0, change=UNCHANGED)\n"
        "assert survives(mutant, seconds=600)"
    )
    subprocess.run(
        [sys.executable, "-c", program], cwd=mutants.ROOT, env=os.environ | {"TMPDIR": str(tmp_path)}, check=True
    )
    assert list(tmp_path.iterdir()) == []
