"""Commands killed at any moment: nothing is lost, and the same command then ends as if nothing had been."""

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from tests.helpers.command_line import SMALL
from tests.siege.oracle import DONE, STALE, fault, litter, state
from tests.siege.processes import Outcome, command, forked
from tests.siege.results import Result


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A command and what it is given. prepare: changes a copy of the reference before it. weight: how often it is
    chosen beside the others."""

    arguments: tuple[str, ...]
    prepare: Callable[[Path], int] = lambda _: 0
    weight: int = 4


def _small_files(folder: Path) -> int:
    from pipelines.store.store import Store

    store = Store(folder / "data" / "store")
    bars = store.read_bars("MSFT")
    for row in range(4):
        store.write_bars(replace(bars.rows([row]), close=bars.open[[row]]))
    return 0


def _bad_print(folder: Path) -> int:
    from pipelines.store.store import Store

    store = Store(folder / "data" / "store")
    bars = store.read_bars("MSFT")
    close, low = bars.close.copy(), bars.low.copy()
    close[50] /= 10
    low[50] = close[50]
    store.write_bars(replace(bars, close=close, low=low))
    return 0


def _rule(folder: Path) -> int:
    run = next((folder / "data" / "runs").glob("AAPL-1d-*"))
    bars = pd.read_parquet(run / "bars.parquet").iloc[400:700]
    pd.DataFrame({"date": bars["closed_at"].dt.date, "probability": np.linspace(0.4, 0.6, 300)}).to_csv(
        folder / "rule.csv", index=False
    )
    return 0


def _live(folder: Path) -> int:
    from forecast.__main__ import run

    return run(["--data-dir", str(folder / "data"), "live", "add", "latest"])


TINY = (
    "--folds", "2", "--seeds", "1", "--epochs", "2", "--patience", "0", "--units", "2", "--window", "5",
    "--model", "simple_rnn", "--baseline", "previous_sign",
)  # fmt: skip
YEARS = ("--start", "2002-01-01", "--end", "2003-12-31")
STAGES = {
    "fetch": Stage(arguments=("fetch", "IBM", "--source", "sample")),
    "fetch again": Stage(arguments=("fetch", "MSFT", "--source", "sample"), prepare=_bad_print),
    "compact": Stage(arguments=("data", "compact"), prepare=_small_files),
    "repair": Stage(arguments=("data", "check", "MSFT", "--repair"), prepare=_bad_print),
    "remove": Stage(arguments=("data", "remove", "MSFT", "--yes")),
    "backtest": Stage(arguments=("backtest", "latest", "--policy", "long-short")),
    "report": Stage(arguments=("report", "latest")),
    "judge": Stage(arguments=("judge", "AAPL", "--predictions", "rule.csv", "--end", "2003-12-31"), prepare=_rule),
    "live": Stage(arguments=("live", "add", "latest")),
    "journal": Stage(arguments=("signal", "--all", "--offline"), prepare=_live),
    "train": Stage(arguments=("train", "AAPL", *TINY, *YEARS), weight=1),
    "train again": Stage(arguments=("train", "AAPL", *SMALL, "--overwrite"), weight=1),
    "tune": Stage(arguments=("train", "AAPL", *TINY, *YEARS, "--tuning-trials", "2"), weight=1),
    "panel": Stage(arguments=("train", "AAPL", "MSFT", "--global-model", *TINY, *YEARS), weight=1),
    "local panel": Stage(arguments=("train", "AAPL", "MSFT", "--local-models", *TINY, *YEARS), weight=1),
    "power": Stage(arguments=("power", *TINY, "--markets", "2", "--edge", "0.3", "--n-bars", "500"), weight=1),
}
_WEIGHTS = [stage.weight for stage in STAGES.values()]
CODES = (DONE, STALE)


def case(rng: random.Random, reference: Path, place: Path) -> Result:
    name = chosen_stage(rng)
    stage = STAGES[name]
    expected, seconds = undisturbed(name, reference, place.with_name(f"whole-{name}"))
    copied(reference, place, stage)
    before = state(place)
    killed = command(place, *stage.arguments, kill_after=rng.uniform(0, 1.2 * seconds))
    what = f"{name} at {killed.seconds:.2f} s"
    reason = ""
    if name in ("fetch", "fetch again", "compact", "repair"):
        between = state(place)
        after = expected
        prices = [line for line in between.splitlines() if _is_price(line)]
        for reference_state in (before, after):
            if prices == [line for line in reference_state.splitlines() if _is_price(line)]:
                break
        else:
            reason = "prices are neither as before nor as after"
    again = command(place, *stage.arguments)
    allowed = (*CODES, 2) if name in ("remove", "live") else CODES  # 2: it was done before it was killed
    reason = reason or fault(again, codes=allowed) or litter(place)
    if not reason and (final_state := state(place)) != expected:
        reason = f"another state than without a kill: {difference(expected, final_state)}"
    return Result(what=what, answer=f"{name} killed" if killed.code is None else f"{name} ended before", fault=reason)


def chosen_stage(rng: random.Random) -> str:
    return rng.choices(list(STAGES), _WEIGHTS)[0]


@cache
def undisturbed(name: str, reference: Path, place: Path) -> tuple[str, float]:
    """The state after a command that nobody kills, and how long it takes."""
    stage = STAGES[name]
    copied(reference, place, stage)
    outcome = command(place, *stage.arguments)
    if reason := fault(outcome, codes=CODES):
        raise RuntimeError(f"{name} fails without a kill: {reason}")
    final = state(place)
    shutil.rmtree(place)
    return final, outcome.seconds


def copied(reference: Path, place: Path, stage: Stage) -> None:
    place.mkdir(parents=True, exist_ok=True)
    shutil.copytree(reference / "data", place / "data")
    prepared: Outcome = forked(partial(stage.prepare, place), place)
    if prepared.code != DONE:
        raise RuntimeError(prepared.err)


def _is_price(line: str) -> bool:
    return line.split(" ")[0] in ("AAPL", "MSFT", "IBM")


def difference(expected: str, actual: str) -> str:
    one, other = set(expected.splitlines()), set(actual.splitlines())
    return json.dumps({"lacks": sorted(one - other)[:4], "has": sorted(other - one)[:4]})
