"""Columns of numbers under unknown names: those that tell symbols apart, and those that only look like it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import BadFileError
from pipelines.market.types import Bars, Ticks
from pipelines.sources.csv import source

SESSIONS = 240
DATES = np.busday_offset(
    "2022-01-03", np.arange(300), holidays=["2022-01-17", "2022-02-21", "2022-04-15", "2022-05-30"]
)
DATES = DATES[
    ~np.isin(
        DATES, np.array(["2022-06-20", "2022-07-04", "2022-09-05", "2022-11-24", "2022-12-26", "2023-01-02"], "M8[D]")
    )
]
DATES = DATES[:SESSIONS]
HALF = SESSIONS // 2


def frame(start: float, seed: int, **more: Any) -> pd.DataFrame:
    """Bars of a random walk."""
    rng = np.random.default_rng(seed)
    close = start * np.exp(np.cumsum(rng.normal(0, 0.015, SESSIONS)))
    opened = close * np.exp(rng.normal(0, 0.004, SESSIONS))
    columns = {
        "Date": DATES.astype(str), "Open": opened, "High": np.maximum(opened, close) * 1.004,
        "Low": np.minimum(opened, close) * 0.996, "Close": close, "Volume": rng.integers(1000, 90000, SESSIONS),
    }  # fmt: skip
    return pd.DataFrame(columns | more).round(2)


def load(path: Path, rows: pd.DataFrame, **options: Any) -> Bars | Ticks:
    if path.suffix == ".parquet":
        rows.to_parquet(path)
    else:
        rows.to_csv(path, index=False)
    prices = source.read("ACME", files=[path], **options).prices
    assert isinstance(prices, Bars | Ticks)
    return prices


TWO = (frame(50, 1, id=10107), frame(160, 2, id=14593))
TOGETHER = {
    "one after the other": pd.concat(TWO),
    "date by date": pd.concat(TWO).sort_values("Date", kind="stable"),
    "the second where the first ends": pd.concat([TWO[0][:HALF], TWO[1][HALF:]]),
    "the second before the first": pd.concat([TWO[0][HALF:], TWO[1][:HALF]]),
}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("name", ["id", "stk_no", "Nummer"])
@pytest.mark.parametrize("order", TOGETHER)
def test_two_symbols_told_apart_by_a_number_are_an_error_that_names_them(
    tmp_path: Path, order: str, name: str, suffix: str
) -> None:
    rows, path = TOGETHER[order].rename(columns={"id": name}), tmp_path / f"f{suffix}"
    with pytest.raises(BadFileError, match=rf"2 values in column '{name}' \(10107, 14593\).*--where {name}=10107"):
        load(path, rows)
    chosen = load(path, rows, where={name: "14593"})
    assert isinstance(chosen, Bars)
    assert chosen.close.tolist() == rows[rows[name] == 14593].sort_values("Date")["Close"].tolist()


def test_many_symbols_date_by_date_are_told_by_a_number_that_does_not_come_again_soon(tmp_path: Path) -> None:
    rows = pd.concat([frame(20 + 7 * number, number, zz=9000 + number)[:20] for number in range(250)])
    with pytest.raises(BadFileError, match="250 values in column 'zz'"):
        load(tmp_path / "f.csv", rows.sort_values("Date", kind="stable"))


LOOK_ALIKES: dict[str, Any] = {
    "trades": np.random.default_rng(4).integers(1, 9, SESSIONS),
    "open_interest": np.repeat(np.random.default_rng(5).integers(1000, 9000, SESSIONS // 20), 20),
    "constant": 7,
    "row_id": np.arange(SESSIONS),
    "Year": 2022 + (np.arange(SESSIONS) >= HALF),
    "factor": np.where(np.arange(SESSIONS) < HALF, 4, 1),
    "other_factor": np.where(np.arange(SESSIONS) < HALF, 1, 4),
    "shares_out": np.where(np.arange(SESSIONS) < HALF, 5003, 20100),
    "flag": (np.arange(SESSIONS) >= HALF).astype(int),
    "status_code": np.random.default_rng(6).integers(1, 3, SESSIONS),
}


@pytest.mark.parametrize("split", [1, 4])
@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_other_whole_numbers_are_no_symbols(tmp_path: Path, name: str, split: int) -> None:
    rows = frame(100, 3, **{name: LOOK_ALIKES[name]})
    rows.loc[HALF:, ["Open", "High", "Low", "Close"]] /= split
    bars = load(tmp_path / "f.csv", rows.round(2))
    assert len(bars) == SESSIONS


@pytest.mark.parametrize("label", [("Firm", "Acme", "Beta"), ("id", 7, 8), ("number", 7, 8)])
def test_two_files_of_a_folder_that_a_column_tells_apart_are_not_joined(
    tmp_path: Path, label: tuple[str, Any, Any]
) -> None:
    name, first, second = label
    frame(50, 1, **{name: first})[:HALF].to_csv(tmp_path / "a.csv", index=False)
    frame(160, 2, **{name: second})[HALF:].to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(BadFileError, match=rf"2 values in column '{name}' \({first}, {second}\)"):
        source.read("ACME", files=[tmp_path])


def test_files_that_another_column_tells_apart_without_a_jump_are_one_series(tmp_path: Path) -> None:
    rows = frame(50, 1)
    rows[:HALF].assign(origin="first", year=2021).to_csv(tmp_path / "a.csv", index=False)
    rows[HALF:].assign(origin="second", year=2022).to_csv(tmp_path / "b.csv", index=False)
    prices = source.read("ACME", files=[tmp_path]).prices
    assert len(prices) == SESSIONS


def trades(**more: Any) -> pd.DataFrame:
    count = 600
    price = 100 + np.cumsum(np.random.default_rng(7).normal(0, 0.02, count))
    times = np.datetime64("2024-01-02T10:00:00.125") + np.arange(count) * np.timedelta64(1, "s")
    return pd.DataFrame(
        {"time": times.astype(str), "price": price.round(2), "size": 100 + np.arange(count) % 13, **more}
    )


def test_trades_of_two_that_come_by_turns_are_told_by_a_number(tmp_path: Path) -> None:
    rows = trades(id=1 + np.arange(600) % 2)
    rows.loc[rows["id"] == 2, "price"] = (rows["price"] * 0.55).round(2)
    with pytest.raises(BadFileError, match=r"2 values in column 'id' \(1, 2\)"):
        load(tmp_path / "f.csv", rows, tz="America/New_York")


@pytest.mark.parametrize("name", ["id", "seq_no", "venue_id", "side_code", "price_band_no"])
def test_other_numbers_of_trades_are_no_symbols(tmp_path: Path, name: str) -> None:
    rows = trades()
    rng = np.random.default_rng(8)
    rows[name] = {
        "id": np.arange(600), "seq_no": np.arange(600) // 4, "venue_id": rng.integers(1, 6, 600),
        "side_code": rng.integers(1, 3, 600), "price_band_no": (rows["price"] * 20).astype(int),
    }[name]  # fmt: skip
    assert len(load(tmp_path / "f.csv", rows, tz="America/New_York")) == 600


@pytest.mark.parametrize(
    ("name", "before", "event", "after"),
    [
        ("CFACPR", 2, 1, 1), ("cfadj", 2.0, 1.0, 1.0), ("DlyCumFacPr", 2, 1, 1), ("CFACSHR", 2, 1, 1),
        ("DlyFacPrc", 1, 2, 1), ("FACPR", 0, 1, 0),
    ],
)  # fmt: skip
def test_factors_of_crsp_are_splits(tmp_path: Path, name: str, before: float, event: float, after: float) -> None:
    day = np.arange(SESSIONS)
    rows = frame(100, 3, **{name: np.where(day < HALF, before, np.where(day == HALF, event, after))})
    prices = ["Open", "High", "Low", "Close"]
    rows.loc[HALF:, prices] /= 2
    rows = rows.rename(columns=dict(zip(prices, ("OPENPRC", "ASKHI", "BIDLO", "PRC"), strict=True)))
    rows.to_csv(tmp_path / "f.csv", index=False)
    actions = source.read("ACME", files=[tmp_path / "f.csv"]).actions
    assert actions is not None
    assert actions.split.tolist() == [2.0]
    assert str(actions.ex_at[0])[:10] == str(DATES[HALF])
