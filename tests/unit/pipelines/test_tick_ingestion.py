"""Folders of tick files: one at a time, only new ones, and none takes the place of another's rows."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.cleaning.report import CleaningReport
from pipelines.errors import BadFileError
from pipelines.market.types import Ticks
from pipelines.sources.base import Delivery
from pipelines.store.file_log import FileLog
from pipelines.store.store import Store
from pipelines.tick_ingestion import Progress, ingest_tick_files, sum_of_pieces
from pipelines.tick_spool import TickSpool

START = np.datetime64("2024-01-02T14:30", "ns")


def read(path: Path) -> Delivery:
    """A file of lines "second price"."""
    rows = [line.split() for line in path.read_text().splitlines()]
    if rows[0][0] == "bad":
        raise BadFileError("Expected a number in row 1, got 'bad'. Correct the file.")
    seconds, price = np.array(rows, float).T
    ticks = Ticks(symbol="X", time=START + (seconds * 1e9).astype("timedelta64[ns]"), price=price, size=price)
    return Delivery(prices=ticks, actions=None, report=CleaningReport.all_kept(len(ticks)))


def written(folder: Path, **files: str) -> list[Path]:
    for name, text in files.items():
        (folder / name).write_text(text)
    return sorted(folder / name for name in files)


def bring(
    folder: Path, files: list[Path], *, reader: Callable[[Path], Delivery] = read, options: str = ""
) -> tuple[list[str], list[float]]:
    """What was read, and the prices that the store has then."""
    store, log, names = Store(folder / "store"), FileLog(folder / "origins", "X", options=options), []
    skip = {path: entry for path in files if (entry := log.unchanged(path)) is not None}

    def note(progress: Progress) -> None:
        names.append(progress.name)

    ingest_tick_files(store, files, read=reader, method="merge", log=log, skip=skip, progress=note)
    return names, store.read_ticks("X").price.tolist()


def test_files_are_written_one_by_one_and_of_the_same_folder_only_new_ones_later(tmp_path: Path) -> None:
    first = written(tmp_path, a="0 1\n1 2\n", b="5 3\n")
    assert bring(tmp_path, first) == (["a", "b"], [1, 2, 3])
    later = [*first, *written(tmp_path, c="9 4\n")]
    assert bring(tmp_path, later) == (["c"], [1, 2, 3, 4])
    assert bring(tmp_path, later) == ([], [1, 2, 3, 4])


def test_a_file_that_changed_or_is_read_with_other_options_is_read_again(tmp_path: Path) -> None:
    files = written(tmp_path, a="0 1\n1 2\n", b="5 3\n")
    bring(tmp_path, files)
    written(tmp_path, a="0 7\n1 8\n2 9\n")
    assert bring(tmp_path, files) == (["a"], [7, 8, 9, 3])
    assert bring(tmp_path, files, options="tz") == (["a", "b"], [7, 8, 9, 3])


def test_files_whose_times_overlap_keep_every_row_whichever_comes_first(tmp_path: Path) -> None:
    files = written(tmp_path, a="0 1\n4 2\n", b="2 3\n4 4\n", c="8 5\n")
    assert bring(tmp_path, files)[1] == [1, 3, 4, 2, 5]
    more = [*files, *written(tmp_path, d="1 6\n8 7\n")]  # touches all of them
    assert sorted(bring(tmp_path, more)[1]) == [1, 2, 3, 4, 5, 6, 7]


def test_an_error_names_its_file_and_keeps_what_came_before(tmp_path: Path) -> None:
    files = written(tmp_path, a="0 1\n", b="bad\n", c="9 2\n")
    with pytest.raises(BadFileError, match=r"/b: Expected a number .* The store has 1 file before it"):
        bring(tmp_path, files)
    written(tmp_path, b="5 3\n")
    assert bring(tmp_path, files) == (["b", "c"], [1, 3, 2])


def test_only_one_file_is_held_at_a_time(tmp_path: Path) -> None:
    import weakref

    files = written(tmp_path, a="0 1\n", b="5 3\n", c="9 2\n")
    alive: list[weakref.ref[Ticks]] = []

    def counted(path: Path) -> Delivery:
        assert sum(reference() is not None for reference in alive) <= 1  # the last one, until the next takes its name
        delivery = read(path)
        assert isinstance(delivery.prices, Ticks)
        alive.append(weakref.ref(delivery.prices))
        return delivery

    assert bring(tmp_path, files, reader=counted)[1] == [1, 3, 2]


def test_a_large_file_is_stored_piece_by_piece_once_all_of_it_is_sound(tmp_path: Path) -> None:
    path = written(tmp_path, a="0 1\n1 2\n2 3\n3 4\n")[0]
    store, log, delivery = Store(tmp_path / "store"), FileLog(tmp_path / "origins", "X", options=""), read(path)
    assert isinstance(delivery.prices, Ticks)
    parts = [replace(delivery, prices=delivery.prices.rows(rows)) for rows in (slice(2), slice(2, None))]
    arguments: dict[str, Any] = {"read": read, "method": "merge", "log": log, "skip": {}, "progress": print}

    def broken() -> Iterator[Delivery]:
        yield parts[0]
        raise BadFileError("Expected a number in row 3, got 'bad'.")

    with pytest.raises(BadFileError):
        ingest_tick_files(store, [path], read_pieces=lambda path: TickSpool(broken()), **arguments)
    assert not len(store.catalogue())
    for _ in range(2):
        result = ingest_tick_files(store, [path], read_pieces=lambda path: TickSpool(parts), **arguments)
        assert result is not None
        assert result.rows == 4
        assert store.read_ticks("X").price.tolist() == [1, 2, 3, 4]


def test_notes_of_the_pieces_of_a_file_are_added_up() -> None:
    notes = [
        ("quotes: 1,000 of 2,000 rows kept", "sorted (first: row 7)", "read as lean 2"), ("read as lean 2",),
        ("quotes: 5 of 9 rows kept", "sorted (first: row 99)", "read as lean 2"),
    ]  # fmt: skip
    total = sum_of_pieces([CleaningReport(rows_in=1, rows_out=1, notes=note) for note in notes])
    assert total.notes == ("quotes: 1,005 of 2,009 rows kept", "sorted (first: row 7)", "read as lean 2")
    assert total.rows_in == 3


def test_the_spool_of_a_large_file_keeps_no_piece_in_memory(tmp_path: Path) -> None:
    import weakref

    alive: list[weakref.ref[Any]] = []

    def pieces() -> Iterator[Delivery]:
        for second in range(3):
            delivery = read(written(tmp_path, a=f"{second} 1\n")[0])
            assert isinstance(delivery.prices, Ticks)
            base = delivery.prices.price.base
            alive.append(weakref.ref(delivery.prices.price if base is None else base))
            yield delivery

    with TickSpool(pieces()) as spool:
        assert [reference() is not None for reference in alive[:-1]] == [False, False]
        assert [piece.prices.price.tolist() for piece in spool if isinstance(piece.prices, Ticks)] == [[1], [1], [1]]
