"""Files that somebody hands in, mutated: read as they were, or refused in one line."""

import contextlib
import io
import json
import random
import signal
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from tests.helpers.price_files import DAYS, SHAPES, table
from tests.siege.damage import flip, retype, truncate
from tests.siege.mutations import spoiled
from tests.siege.oracle import DONE, REFUSED, fault
from tests.siege.processes import Outcome
from tests.siege.results import Result

SETTINGS = """
[workspace]
data_dir = "data"
[fetch]
source = "sample"
interval = "1d"
[train]
window = 20
folds = 3
model = ["simple_rnn", "lstm"]
features = ["return", "volatility_20"]
[backtest]
policy = "long-short"
fee_bps = 1.5
[signal]
offline = true
"""


def prices(rng: random.Random, folder: Path) -> tuple[str, Callable[[], None]]:
    """A CSV, Parquet or JSON file of prices."""
    from pipelines.sources.csv import source

    kind = rng.choice(["csv"] * 6 + ["parquet", "parquet", "json"])
    path, options, name = folder / f"f.{kind}", {}, "plain"
    if kind == "csv":
        name = rng.choice(list(SHAPES))
        text, options = SHAPES[name]
        path.write_bytes(spoiled(rng, text))
    elif kind == "json":
        rows = [dict(zip(table().split("\n")[0].split(","), line.split(","), strict=True)) for line in
                table().strip().split("\n")[1:]]  # fmt: skip
        path.write_bytes(spoiled(rng, json.dumps(rows)))
    else:
        _frame(rng).to_parquet(path)
        rng.choice([flip, truncate, retype, retype])(rng, path)

    def read() -> None:
        delivered = source.read("ACME", files=[path], **options).prices
        times = getattr(delivered, "opened_at", None)
        if times is not None:
            assert np.all((times >= np.datetime64("1800-01-01")) & (times <= np.datetime64("2200-01-01"))), times
            for column in (delivered.open, delivered.high, delivered.low, delivered.close):
                assert np.all(np.isfinite(column) & (column > 0)), column
            assert np.all(times[1:] > times[:-1]), times

    return f"{kind} {name}", read


def _frame(rng: random.Random) -> pd.DataFrame:
    days = pd.bdate_range("2023-01-02", periods=30)
    close = 100 + np.arange(30.0)
    frame = pd.DataFrame(
        {"date": days, "open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 1e3}
    )
    return rng.choice([frame, frame.set_index("date"), frame.assign(date=frame["date"].astype(str))])


def forecasts(rng: random.Random, folder: Path) -> tuple[str, Callable[[], None]]:
    """A file of another program's forecasts."""
    from forecast.config.judging import JudgeConfig
    from forecast.evaluation.judging.foreign_forecasts import read_file, recognise

    name = rng.choice(["date", "ds", "time"])
    frame = pd.DataFrame(
        {name: list(DAYS) * 4, rng.choice(["probability", "signal", "y_hat"]): np.linspace(0.1, 0.9, 20)}
    )
    if rng.random() < 0.5:
        frame["unique_id" if name == "ds" else "symbol"] = np.repeat(["A", "B", "C", "D"], 5)
    kind = rng.choice(["csv", "csv", "parquet"])
    path = folder / f"f.{kind}"
    if kind == "csv":
        path.write_bytes(spoiled(rng, frame.to_csv(index=False)))
    else:
        frame.to_parquet(path)
        rng.choice([flip, truncate, retype, retype])(rng, path)

    def read() -> None:
        rows = recognise(read_file(path), config=JudgeConfig()).rows
        assert np.all(np.isfinite(rows["value"])), rows

    return f"forecasts {kind}", read


def settings(rng: random.Random, folder: Path) -> tuple[str, Callable[[], None]]:
    """A file of settings, checked and used."""
    from forecast.__main__ import run

    (folder / "forecast.toml").write_bytes(spoiled(rng, SETTINGS))
    arguments = rng.choice([["config", "check", "forecast.toml"], ["config", "show", "--json"], ["runs", "--json"]])

    def use() -> None:
        if (code := run(arguments)) != DONE:
            raise SystemExit(code)

    return f"settings, {' '.join(arguments[:2])}", use


KINDS = (prices, prices, prices, forecasts, settings)


def case(rng: random.Random, reference: Path, place: Path) -> Result:
    """In this process, which a hang ends."""
    from forecast.cli.text import printable
    from pipelines.errors import ForecastError

    what, work = rng.choice(KINDS)(rng, place)
    code, out, err = DONE, io.StringIO(), io.StringIO()
    signal.alarm(60)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.chdir(place):
        try:
            work()
        except ForecastError as error:
            code = REFUSED
            print("Error: " + printable(" ".join(str(error).split())), file=err)
        except SystemExit as stop:
            code = int(stop.code or 0)
        except BaseException:
            code = 1
            traceback.print_exc(file=err)
    signal.alarm(0)
    outcome = Outcome(code=code, out=out.getvalue(), err=err.getvalue(), seconds=0.0)
    return Result(
        what=what, answer="refused" if code == REFUSED else "read", fault=fault(outcome, codes=(DONE, REFUSED))
    )
