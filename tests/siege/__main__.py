"""python -m tests.siege KIND... --count N --seed S: what was tried, what came of it, and every fault."""

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.helpers.command_line import SMALL, forecast_in
from tests.siege import answers, damage, inputs, kills, limits
from tests.siege.processes import warm
from tests.siege.results import Log, Result

KINDS: dict[str, tuple[Callable[[random.Random, Path, Path], Result], int]] = {  # each with the size of a whole siege
    "inputs": (inputs.case, 10_000),
    "run-files": (partial(damage.case, of_store=False), 2_000),
    "store-files": (partial(damage.case, of_store=True), 500),
    "answers": (answers.case, 200),
    "kills": (kills.case, 1_000),
    "limits": (limits.case, 200),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.siege", description=__doc__)
    parser.add_argument("kinds", nargs="*", default=[], metavar="KIND", help=f"out of {', '.join(KINDS)}")
    parser.add_argument("--count", type=int, help="cases of each kind (default: those of a whole siege)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="this case alone, again")
    parser.add_argument("--log", type=Path, default=Path("build/siege"), help="where results are kept, to be resumed")
    parser.add_argument("--reference", type=Path, help="a folder with a small trained run (made where there is none)")
    chosen = parser.parse_args()
    reference = chosen.reference or _reference(chosen.log / "reference")
    warm()
    faults = 0
    for kind in chosen.kinds or KINDS:
        case, whole = KINDS[kind]
        log = Log(chosen.log / f"{kind}-{chosen.seed}.jsonl")
        numbers = range(chosen.count or whole) if chosen.only is None else [chosen.only]
        with tempfile.TemporaryDirectory(prefix="siege-") as scratch:
            for number in numbers:
                if number in log and chosen.only is None:
                    continue
                place = Path(scratch) / str(number)
                place.mkdir()
                result = case(random.Random(f"{chosen.seed} {kind} {number}"), reference, place)
                shutil.rmtree(place, ignore_errors=True)
                log.add(number, result)
                if result.fault:
                    print(f"{kind} {number} ({result.what}): {result.fault}", flush=True)
        print(f"{kind}: {log.summary()}", flush=True)
        faults += len(log.faults())
    return int(faults > 0)


def _reference(folder: Path) -> Path:
    """A small trained run of AAPL with a backtest, and MSFT in the store."""
    folder = folder.resolve()
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        forecast = forecast_in(folder, timeout=3_600)
        forecast("fetch", "AAPL", "MSFT", "--source", "sample")
        forecast("train", "AAPL", *SMALL)
        forecast("backtest")
        (folder / "whole").touch()
    return folder


if __name__ == "__main__":
    sys.exit(main())
