"""python -m tests.siege KIND... --count N --seed S: what was tried, what came of it, and every fault."""

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from tests.helpers.command_line import SMALL, forecast_in
from tests.siege import answers, damage, inputs, kills, limits
from tests.siege.processes import forked, warm, warm_networks
from tests.siege.results import Log, Result

Case = Callable[[random.Random, Path, Path], Result]

KINDS: dict[str, tuple[Case, int]] = {  # each with the size of a whole siege
    "inputs": (inputs.case, 10_000),
    "run-files": (partial(damage.case, of_store=False), 2_000),
    "store-files": (partial(damage.case, of_store=True), 500),
    "answers": (answers.case, 200),
    "kills": (kills.case, 1_000),
    "limits": (limits.case, 200),
}


TRAINING = ("kills", "limits")
"""Kinds whose commands train networks, too."""
BATCHED = ("inputs",)
"""Kinds whose cases run in one process, many of them: a fork a case would take most of the time."""
_BATCH = 50


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Cases of one kind and seed."""

    kind: str
    case: Case
    seed: int
    reference: Path
    scratch: Path

    def result(self, number: int) -> Result:
        place = self.scratch / str(number)
        place.mkdir()
        result = self.case(random.Random(f"{self.seed} {self.kind} {number}"), self.reference, place)
        shutil.rmtree(place, ignore_errors=True)
        return result

    def one_by_one(self, numbers: list[int]) -> Iterator[tuple[int, Result]]:
        for number in numbers:
            yield number, self.result(number)

    def in_batches(self, numbers: list[int]) -> Iterator[tuple[int, Result]]:
        """A case that ends its process, or hangs, is a fault; the next batch begins behind it."""
        while numbers:
            outcome = forked(partial(self._print, numbers[:_BATCH]), self.scratch)
            results = [Result(**json.loads(line)) for line in outcome.out.splitlines()]
            if len(results) < len(numbers[:_BATCH]):
                results.append(Result(what="batch", answer="ended", fault=f"exit {outcome.code}: {outcome.err[-400:]}"))
            yield from zip(numbers, results, strict=False)
            numbers = numbers[len(results) :]

    def _print(self, numbers: list[int]) -> int:
        for number in numbers:
            print(json.dumps(asdict(self.result(number))), flush=True)
        return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.siege", description=__doc__)
    parser.add_argument("kinds", nargs="*", default=[], metavar="KIND", help=f"out of {', '.join(KINDS)}")
    parser.add_argument("--count", type=int, help="cases of each kind (default: those of a whole siege)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="this case alone, again")
    parser.add_argument("--log", type=Path, default=Path("build/siege"), help="where results are kept, to be resumed")
    parser.add_argument("--reference", type=Path, help="a folder with a small trained run (made where there is none)")
    chosen = parser.parse_args()
    reference = _reference(chosen.reference or chosen.log / "reference")
    faults = 0
    for kind in chosen.kinds or KINDS:
        case, full_count = KINDS[kind]
        log = Log(chosen.log / f"{kind}-{chosen.seed}.jsonl")
        numbers = range(chosen.count or full_count) if chosen.only is None else [chosen.only]
        left = [number for number in numbers if number not in log or chosen.only is not None]
        if left:
            warm()
            if kind in TRAINING:
                warm_networks()
        with tempfile.TemporaryDirectory(prefix="siege-") as scratch:
            trial = Trial(kind=kind, case=case, seed=chosen.seed, reference=reference, scratch=Path(scratch))
            for number, result in trial.in_batches(left) if kind in BATCHED else trial.one_by_one(left):
                log.add(number, result)
                if result.fault:
                    print(f"{kind} {number} ({result.what}): {result.fault}", flush=True)
        print(f"{kind}: {log.summary()}", flush=True)
        faults += len(log.faults())
    return int(faults > 0)


def _reference(folder: Path) -> Path:
    """A small trained run of AAPL with a backtest, and MSFT in the store."""
    folder = folder.resolve()
    if not any(folder.glob("data/runs/*/backtests/*")):
        folder.mkdir(parents=True, exist_ok=True)
        forecast = forecast_in(folder)
        forecast("fetch", "AAPL", "MSFT", "--source", "sample")
        forecast("train", "AAPL", *SMALL)
        forecast("backtest")
        (folder / "whole").touch()
    return folder


if __name__ == "__main__":
    sys.exit(main())
