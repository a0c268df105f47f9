"""Archives of several files, columns separated by blanks, LOBSTER's book beside its messages."""

import io
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import BadFileError
from pipelines.market.types import Bars, Ticks
from pipelines.sources.csv import archives, source
from pipelines.store.file_log import FileLog
from tests.helpers.price_files import HEADER, PRICES, rows, table

CLOSES = [line[3] for line in PRICES]
HALVES = {"b.csv": "\n".join([HEADER, *rows()[:2]]), "sub/a.csv": "\n".join([HEADER, *rows()[2:]])}


def closes(path: Path, **options: object) -> list[float]:
    bars = source.read("ACME", files=[path], **options).prices
    assert isinstance(bars, Bars)
    return bars.close.tolist()


def zipped(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


@pytest.mark.parametrize("name", ["a.tar", "a.tgz", "a.tar.gz", "a.tar.xz"])
def test_files_of_an_archive_are_read_as_those_of_a_folder(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with tarfile.open(path, f"w:{ {'tgz': 'gz', 'tar': ''}.get(name.split('.')[-1], name.split('.')[-1]) }") as archive:
        for member, text in HALVES.items():
            info = tarfile.TarInfo(member)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    for _ in range(2):
        assert closes(path) == CLOSES
        assert closes(zipped(tmp_path / "a.zip", HALVES | {"readme.txt": "hello", "__MACOSX/b.csv": "x"})) == CLOSES


def test_files_of_an_archive_are_known_again_wherever_they_are_unpacked(tmp_path: Path) -> None:
    path = zipped(tmp_path / "all.zip", HALVES)

    def unpacked() -> tuple[FileLog, list[Path]]:
        for cached in (archives._folder, archives._unpack, archives._unpacked):  # as in a process of its own
            cached.cache_clear()
        return FileLog(tmp_path / "origins", "X", options="", origin=archives.origin), archives.members(path)

    log, places = unpacked()
    for place in places:
        assert log.unchanged(place) is None
        log.record(place, log.entry(place, first=0, last=1))
    log, again = unpacked()
    assert set(places).isdisjoint(again)
    assert [log.unchanged(place) is not None for place in again] == [True, True]
    os.utime(zipped(path, HALVES), ns=(1, 1))
    log, changed = unpacked()
    assert [log.unchanged(place) for place in changed] == [None, None]


def test_a_file_of_an_archive_may_be_named(tmp_path: Path) -> None:
    path = zipped(tmp_path / "all.zip", {"stocks/acme.csv": table(), "stocks/beta.csv": "broken"})
    assert closes(path / "stocks" / "acme.csv") == closes(path / "ACME.csv") == CLOSES
    with pytest.raises(BadFileError, match=r"archive .*all.zip \(stocks/acme.csv, stocks/beta.csv\), got other.csv"):
        closes(path / "other.csv")


def test_a_path_in_an_archive_leads_nowhere_else(tmp_path: Path) -> None:
    inside = {"../../evil.csv": table(), "/etc/evil.csv": table()}
    assert closes(zipped(tmp_path / "a.zip", inside)) == CLOSES
    assert not list(tmp_path.parent.glob("**/evil.csv"))


def test_an_archive_that_is_none_and_one_without_prices_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_text("no tar")
    with pytest.raises(BadFileError, match=r"whole packed file, got .*a\.tar"):
        closes(tmp_path / "a.tar")
    with pytest.raises(BadFileError, match="files of prices in the archive"):
        closes(zipped(tmp_path / "b.zip", {"a.pdf": "x", "b.doc": "y"}))


@pytest.mark.parametrize("blanks", [" ", "   "])
@pytest.mark.parametrize("margin", ["", "  "])
def test_columns_separated_by_blanks_are_read(tmp_path: Path, blanks: str, margin: str) -> None:
    path = tmp_path / "f.txt"
    path.write_text("".join(f"{margin}{line.replace(',', blanks)}{margin}\n" for line in table().splitlines()))
    assert closes(path) == CLOSES


def test_a_time_of_day_beside_the_date_may_lack_its_name(tmp_path: Path) -> None:
    lines = [f"2024-01-02 {15 + n}:30 10 10 10 {close} 5" for n, close in enumerate((10.0, 10.0, 10.0))]
    (tmp_path / "f.txt").write_text("\n".join([HEADER.replace(",", " "), *lines]))
    bars = source.read("ACME", files=[tmp_path / "f.txt"], interval="1h", tz="UTC").prices
    assert isinstance(bars, Bars)
    assert bars.opened_at.astype("datetime64[m]").astype(str).tolist() == [
        "2024-01-02T15:30", "2024-01-02T16:30", "2024-01-02T17:30",
    ]  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_one_file_of_a_folder_may_be_written_otherwise_and_be_named_so(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_text(HALVES["b.csv"])
    (tmp_path / "börse \udce9.csv").write_bytes(HALVES["sub/a.csv"].encode(encoding))
    assert closes(tmp_path) == CLOSES


def lobster(folder: Path, book: str) -> source.Delivery:
    name = "X_2012-06-21_34200000_57600000_{}_1.csv"
    messages = "34200.5,1,1,100,999900,1\n34201,4,2,50,1000000,-1\n34201,3,1,5,999900,1\n34202.25,5,0,10,1000100,1\n"
    (folder / name.format("message")).write_text(messages)
    (folder / name.format("orderbook")).write_text(book)
    return source.read("X", files=[folder], shape="lobster")


def test_the_book_beside_messages_is_read_as_quotes(tmp_path: Path) -> None:
    no_asks = "9999999999,0,999800,95\n"
    book = "1000000,70,999900,100\n1000200,20,999900,100\n1000200,20,999800,95\n" + no_asks
    delivery = lobster(tmp_path, book)
    ticks, quotes = delivery.prices, delivery.quotes
    assert isinstance(ticks, Ticks)
    assert (ticks.price.tolist(), ticks.size.tolist()) == ([100.0, 100.01], [50, 10])
    assert ticks.time[1] == np.datetime64("2012-06-21T13:30:02.250")
    assert quotes is not None
    assert (quotes.bid.tolist(), quotes.ask.tolist()) == ([99.99, 99.99, 99.98], [100.0, 100.02, 100.02])
    assert (quotes.bid_size.tolist(), quotes.ask_size.tolist()) == ([100, 100, 95], [70, 20, 20])


def test_a_book_that_is_shorter_than_its_messages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match=r"row of the book for each message .* got 1 for 4"):
        lobster(tmp_path, "1000000,70,999900,100\n")
