"""Large files of ticks are read in pieces, and nothing shows of it but the memory."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.market.types import Quotes, Ticks
from pipelines.sources.base import Delivery
from pipelines.sources.csv import pieces, source
from pipelines.sources.csv.formats import streams
from pipelines.sources.csv.options import Options
from pipelines.tick_ingestion import sum_of_pieces

OPEN = np.datetime64("2024-01-02T14:30", "us")
HERE = Options(tz="UTC")


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BLOCK", 1 << 10)


def trades(seconds: list[int], prices: list[float]) -> str:
    lines = (
        f"{OPEN + np.timedelta64(s, 's')},{p},{n ^ 1}" for n, (s, p) in enumerate(zip(seconds, prices, strict=True))
    )
    return "\n".join(["time,price,size", *lines]) + "\n"


def read(path: Path, options: Options = HERE, rows: int = 50) -> list[Delivery]:
    return list(pieces.read(path, "X", options, rows=rows))


def joined(deliveries: list[Delivery], name: str, *, of: str = "prices") -> list[float]:
    return np.concatenate([getattr(getattr(delivery, of), name) for delivery in deliveries]).tolist()  # type: ignore[no-any-return]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 400), min_size=60, max_size=400), st.integers(0, 2**31))
def test_pieces_hold_the_rows_of_the_whole_file_in_its_order(
    tmp_path_factory: pytest.TempPathFactory, seconds: list[int], seed: int
) -> None:
    path = tmp_path_factory.mktemp("a") / "t.csv"
    prices = 100 + np.cumsum(np.random.default_rng(seed).choice([-0.01, 0, 0.01, 3.0, -3.0], len(seconds)))
    path.write_text(trades(sorted(seconds), prices.round(2).tolist()))
    at_once = source.read("X", files=[path], tz="UTC")
    try:
        parts = read(path)
    except pieces.NotInPiecesError:
        return  # one time for all of a piece
    assert isinstance(at_once.prices, Ticks)
    assert set(joined(parts, "size")) - set(at_once.prices.size) == set()
    # outliers beside outliers of the piece before
    assert len(at_once.prices) - len(joined(parts, "size")) <= len(parts)
    report = sum_of_pieces([part.report for part in parts])
    assert report.rows_in == at_once.report.rows_in == len(seconds)


def test_pieces_of_packed_files_are_the_same_twice_and_tell_how_far_they_are(tmp_path: Path) -> None:
    path, far = tmp_path / "t.csv.gz", list[int]()
    path.write_bytes(gzip.compress(trades(list(range(2_000)), [10.0] * 2_000).encode()))
    first = list(pieces.read(path, "X", HERE, rows=100, watch=far.append))
    assert joined(first, "size") == joined(read(path), "size") == [n ^ 1 for n in range(2_000)]
    assert len(first) > 10
    assert far[-1] == path.stat().st_size


def test_rows_a_little_out_of_order_are_sorted_and_far_ones_need_the_whole_file(tmp_path: Path) -> None:
    seconds = list(range(1_000))
    seconds[500], seconds[501] = seconds[501], seconds[500]
    path = tmp_path / "t.csv"
    path.write_text(trades(seconds, [10.0] * 1_000))
    parts = read(path)
    assert joined(parts, "size") == [n ^ 1 for n in (*range(500), 501, 500, *range(502, 1_000))]
    assert any("out of time order (first: row 502)" in note for part in parts for note in part.report.notes)
    path.write_text(trades([*range(900, 1_000), *range(900)], [10.0] * 1_000))
    with pytest.raises(pieces.NotInPiecesError):
        read(path)


@pytest.mark.parametrize("columns", ["time,price,size", "time,price,size,cond", "time,price,size,bid,ask"])
def test_a_file_stored_newest_first_gives_the_same_pieces_as_the_whole(tmp_path: Path, columns: str) -> None:
    rng = np.random.default_rng(5)
    seconds, prices = np.sort(rng.integers(0, 700, 1_000)), 100 + np.cumsum(rng.choice([-0.01, 0, 0.01, 2.0], 1_000))
    more = {"time,price,size": "", "time,price,size,cond": ",@", "time,price,size,bid,ask": ",9,{}"}[columns]
    rows = [
        f"{OPEN + np.timedelta64(int(s), 's')},{p:.2f},{n ^ 1}{more.format(200 + n // 7)}"
        for n, (s, p) in enumerate(zip(seconds, prices, strict=True))
    ]
    path = tmp_path / "t.csv"
    path.write_text("\n".join([columns, *rows[::-1]]) + "\n")
    parts, at_once = read(path), source.read("X", files=[path], tz="UTC")
    assert len(parts) > 5
    assert isinstance(at_once.prices, Ticks)
    for name in ("time", "price", "size"):
        assert joined(parts, name) == getattr(at_once.prices, name).tolist()
    if at_once.quotes is not None:
        assert joined(parts, "ask", of="quotes") == at_once.quotes.ask.tolist()
    report = sum_of_pieces([part.report for part in parts])
    assert report.rows_in == 1_000
    assert report.notes[0] == "rows were stored newest first: reversed"


@pytest.mark.parametrize("cell", ["ten", "1,5", ""])
def test_a_cell_that_is_no_number_needs_the_whole_file(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(trades(list(range(999)), [10.0] * 999).replace(",10.0,500\n", f',"{cell}",500\n'))
    if cell:
        with pytest.raises(pieces.NotInPiecesError):
            read(path)
    else:
        loose = Options(tz="UTC", max_dropped=0.1)
        assert sum_of_pieces([part.report for part in read(path, loose)]).dropped == {"missing price": 1}


def test_a_second_symbol_late_in_the_file_needs_the_whole_file(tmp_path: Path) -> None:
    lines = [f"{OPEN + np.timedelta64(s, 's')},10,1,{'A' if s < 900 else 'B'}" for s in range(1_000)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["time,price,size,symbol", *lines]) + "\n")
    with pytest.raises(pieces.NotInPiecesError):
        read(path)
    assert len(joined(read(path, Options(tz="UTC", where={"symbol": "A"}), rows=20), "size")) == 900


def test_quotes_in_pieces_repeat_nothing(tmp_path: Path) -> None:
    lines = [f"{OPEN + np.timedelta64(s, 's')},{10 + s // 300},{11 + s // 300},1,1" for s in range(1_000)]
    path = tmp_path / "q.csv"
    path.write_text("\n".join(["time,bid,ask,bid_size,ask_size", *lines]) + "\n")
    at_once = source.read("X", files=[path], tz="UTC").prices
    assert isinstance(at_once, Quotes)
    assert at_once.bid.tolist() == [10, 11, 12, 13]
    assert joined(read(path, rows=300), "bid") == [10, 11, 12, 13]
