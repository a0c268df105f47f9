"""Mutants of the arithmetic: one operator or number changed at a time, and whether the tests of its module notice.

`python -m tests.mutants --count 300 --seed 1` prints those that survive: each needs a test, or in
`tests.equivalent_mutants` a reason why it changes nothing. Resumed where it was stopped (build/mutants).
"""

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import json
import os
import random
import resource
import select
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from tests.equivalent_mutants import EQUIVALENT

ROOT = Path(__file__).parents[1]
MODULES = (
    "pipelines/preprocessing/labels.py", "pipelines/preprocessing/walk_forward.py",
    "pipelines/preprocessing/features.py", "pipelines/preprocessing/combinatorial_cv.py",
    "pipelines/preprocessing/sample_weights.py",
    "pipelines/preprocessing/scaling.py", "pipelines/preprocessing/windows.py", "pipelines/market/adjustments.py",
    "pipelines/bars/aggregation.py", "pipelines/bars/boundaries.py", "forecast/trading/simulator.py",
    "forecast/trading/ledgers.py", "forecast/trading/position_sizing.py", "forecast/trading/signals.py",
    "forecast/trading/spread_estimator.py", "forecast/trading/threshold_selection.py",
    "forecast/trading/probability_calibration.py", "forecast/trading/cross_section.py",
    "forecast/statistics/bootstrap.py", "forecast/statistics/comparisons.py", "forecast/statistics/cpcv.py",
    "forecast/statistics/cross_section.py", "forecast/statistics/drift.py", "forecast/statistics/families.py",
    "forecast/statistics/forecast_accuracy.py", "forecast/statistics/inference.py",
    "forecast/statistics/multiple_testing.py", "forecast/statistics/performance.py", "forecast/statistics/periods.py",
    "forecast/statistics/risk.py", "forecast/statistics/sharpe_ratio.py", "forecast/statistics/skill.py",
)  # fmt: skip
ALSO = {  # tests of a module beside the one of its name
    "boundaries": ("pipelines/bars/test_aggregation.py",),
    "aggregation": ("pipelines/bars/test_boundaries.py",),
    "simulator": ("forecast/trading/test_simulator_reference.py",),
    "sharpe_ratio": ("forecast/statistics/test_summary.py", "forecast/statistics/test_robustness.py"),
    "multiple_testing": ("forecast/statistics/test_robustness.py", "forecast/statistics/test_families.py"),
    "comparisons": ("forecast/statistics/test_inference.py",),
    "inference": ("forecast/statistics/test_comparisons.py",),
    "bootstrap": ("forecast/statistics/test_comparisons.py",),
    "performance": ("forecast/statistics/test_summary.py",),
}
_WARM = ("numpy", "pandas", "scipy.stats", "sklearn.linear_model", "pytest", "hypothesis", "pyarrow.dataset",
         "deltalake", "exchange_calendars", "statsmodels.api", "arch", "filelock")  # fmt: skip
_SWAP: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Pow: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.And: ast.Or, ast.Or: ast.And, ast.USub: ast.UAdd,
}  # fmt: skip
_CHANGED = ast.BinOp | ast.BoolOp | ast.UnaryOp | ast.AugAssign | ast.Compare | ast.Constant
UNCHANGED = "nothing"
_LONGEST = 1_800.0  # seconds of the tests of one module
_MOST_MEMORY = 8 << 30  # bytes of address space


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A module with one node changed. place: the node's number in the order of ast.walk.

    name: the function around it and the change, with a number from the second of that name on; it stays the same when
    other functions change.
    """

    path: str
    line: int
    place: int
    change: str
    name: str = ""

    @property
    def tree(self) -> ast.Module:
        tree = ast.parse((ROOT / self.path).read_text())
        if self.change == UNCHANGED:
            return tree
        _mutate(next(node for number, node in enumerate(ast.walk(tree)) if number == self.place))
        return ast.fix_missing_locations(tree)

    @property
    def tests(self) -> list[str]:
        path = Path(self.path)
        names = [f"{path.parent}/test_{path.stem}.py", *ALSO.get(path.stem, ())]
        return [f"tests/unit/{name}" for name in names if (ROOT / "tests/unit" / name).exists()]


def mutants(path: str) -> Iterator[Mutant]:
    """Every mutant of a module; messages, annotations and defaults of documentation are left alone."""
    tree = ast.parse((ROOT / path).read_text())
    silent = {id(part) for node in ast.walk(tree) for root in _silent(node) for part in ast.walk(root)}
    function = {id(part): name for name, body in _functions(tree) for part in ast.walk(body)}
    names: Counter[str] = Counter()
    for place, node in enumerate(ast.walk(tree)):
        if id(node) in silent or not isinstance(node, _CHANGED):
            continue
        before = ast.unparse(node)
        changed = copy.deepcopy(node)
        if _mutate(changed):
            change = f"{before} -> {ast.unparse(changed)}"[:160]
            name = f"{function.get(id(node), 'module')}: {change}"
            names[name] += 1
            number = f" ({names[name]})" if names[name] > 1 else ""
            yield Mutant(path=path, line=node.lineno, place=place, change=change, name=name + number)


def _functions(node: ast.AST, around: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Functions and methods with their qualified names, outer ones before those inside."""
    for child in ast.iter_child_nodes(node):
        name = around
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            name = f"{around}.{child.name}".lstrip(".")
        if isinstance(child, ast.FunctionDef):
            yield name, child
        yield from _functions(child, name)


def _silent(node: ast.AST) -> list[ast.AST]:
    """Parts that compute nothing."""
    if isinstance(node, ast.Raise | ast.JoinedStr):
        return [node]
    if isinstance(node, ast.AnnAssign):
        return [node.annotation]
    if isinstance(node, ast.FunctionDef):
        every = [*node.args.args, *node.args.kwonlyargs]
        return [
            part for part in (node.returns, *(argument.annotation for argument in every), *node.decorator_list) if part
        ]
    return []


def _mutate(node: ast.AST) -> bool:
    """Changes a node; False where there is nothing to change."""
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.UnaryOp | ast.AugAssign) and type(node.op) in _SWAP:
        node.op = _SWAP[type(node.op)]()  # type: ignore[assignment]
        return True
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _SWAP:
        node.ops[0] = _SWAP[type(node.ops[0])]()  # type: ignore[assignment]
        return True
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        node.value += 1
        return True
    return False


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module as it is in a changed tree."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._name = mutant.path.removesuffix(".py").replace("/", ".")

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, ROOT / self._mutant.path, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._mutant.tree, str(ROOT / self._mutant.path), "exec"), module.__dict__)


def survives(mutant: Mutant, *, seconds: float) -> bool:
    """Whether the tests of its module pass within that time, in a process of their own.

    That process ends without its exit functions or is killed: its temporary files lie in a folder of this one's.
    """
    with tempfile.TemporaryDirectory(prefix="forecast-mutant-", ignore_cleanup_errors=True) as scratch:
        pid = os.fork()
        if pid == 0:
            _run_tests(mutant, scratch=scratch)
        handle = os.pidfd_open(pid)
        ended = select.select([handle], [], [], seconds)[0]
        os.close(handle)
        if not ended:
            os.killpg(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0


def _run_tests(mutant: Mutant, *, scratch: str) -> NoReturn:
    """Ends the process with pytest's status. A loop without an end must not take the machine's memory with it."""
    os.setpgid(0, 0)
    os.environ["TMPDIR"] = tempfile.tempdir = scratch
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    sys.meta_path.insert(0, _Finder(mutant))
    import pytest
    from hypothesis import Phase, settings

    # any failing example does: none is made smaller, none is kept for the next mutant
    settings.register_profile("mutants", phases=[Phase.explicit, Phase.generate], database=None)
    settings.load_profile("mutants")
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist", "--assert=plain"]
    os._exit(int(pytest.main([*options, *mutant.tests])))


@cache
def _time_for(path: str) -> float:
    """Ten times as long as the tests of a module take when nothing is changed; then they must pass, or every mutant
    would seem to be killed."""
    began = time.monotonic()
    if not survives(Mutant(path=path, line=0, place=0, change=UNCHANGED), seconds=_LONGEST):
        raise RuntimeError(f"Expected tests of {path} that pass without a mutant, got others. Run them.")
    return 10.0 * (time.monotonic() - began)


def _try_all(sample: Sequence[Mutant], *, log: Path) -> dict[tuple[str, str], bool]:
    """Whether each mutant survives, by path and name. log: a line a mutant; what stands there is not run again."""
    entries = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    tried = {(entry["path"], entry["name"]): bool(entry["survived"]) for entry in entries if "name" in entry}
    for name in _WARM:
        import_module(name)
    for mutant in sample:
        key = (mutant.path, mutant.name)
        if key in tried:
            continue
        tried[key] = survives(mutant, seconds=_time_for(mutant.path))
        entry = {name: getattr(mutant, name) for name in ("path", "line", "name", "change")} | {"survived": tried[key]}
        with log.open("a") as file:
            file.write(json.dumps(entry) + "\n")
        if tried[key] and key not in EQUIVALENT:
            print(f"{mutant.path}:{mutant.line}: {mutant.change}", flush=True)
    return tried


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, default=Path("build/mutants"))
    chosen = parser.parse_args()
    every = [mutant for path in MODULES for mutant in mutants(path)]
    sample = random.Random(chosen.seed).sample(every, min(chosen.count, len(every)))
    chosen.log.mkdir(parents=True, exist_ok=True)
    tried = _try_all(sample, log=chosen.log / f"{chosen.seed}.jsonl")
    alive = [mutant for mutant in sample if tried[mutant.path, mutant.name]]
    equivalent = [mutant for mutant in alive if (mutant.path, mutant.name) in EQUIVALENT]
    killed, survivors = len(sample) - len(alive), len(alive) - len(equivalent)
    for mutant in equivalent:
        print(f"equivalent: {mutant.path}:{mutant.line}: {mutant.change}: {EQUIVALENT[mutant.path, mutant.name]}")
    print(
        f"{len(sample)} mutants of {len(every):,}: {killed} killed, {survivors} survived, {len(equivalent)} "
        f"equivalent. Killed of those that change something: {killed / max(1, killed + survivors):.1%}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
