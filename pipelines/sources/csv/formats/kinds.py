"""What kind of file it is, by its first bytes and its name.

What cannot be read is named for what it is: nobody should have to guess why a workbook is "no CSV".
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import BadFileError
from pipelines.sources.csv.cells import quoted
from pipelines.sources.csv.formats.compression import DAMAGED

SUFFIXES = (
    ".csv",
    ".txt",
    ".tsv",
    ".jsonl",
    ".ndjson",
    ".parquet",
    ".feather",
    ".arrow",
    ".xlsx",
    ".zip",
    ".tar",
    ".tgz",
)
PACKED = (".gz", ".bz2", ".xz", ".zst")

_MAGIC = (
    (b"PAR1", "parquet"), (b"ARROW1", "feather"), (b"PK\x03\x04", "zip"), (b"\x1f\x8b", "gzip"), (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"),
)  # fmt: skip
_FOREIGN = (
    (b"\xd0\xcf\x11\xe0", "an Excel workbook of before 2007 (.xls)", "Save it as .xlsx or .csv."),
    (b"%PDF", "a PDF document", "Copy its table to a .csv file."),
    (b"\x89HDF", "an HDF5 file", "Save its table with pandas' to_parquet()."),
    (b"SQLite format 3", "an SQLite database", "Export its table as .csv."),
    (b"DBN", "Databento's binary format", "Ask Databento for CSV, or convert it with its client's to_csv()."),
    (b"7z\xbc\xaf", "a 7z archive", "Unpack it first."),
    (b"Rar!", "a RAR archive", "Unpack it first."),
    (b"\x93NUMPY", "a NumPy array", "Save it as .csv or .parquet with its columns' names."),
    (b"ORC", "an ORC file", "Save it as .parquet."),
    (b"FEA1", "a Feather file of version 1", "Save it again with pandas' to_feather() or as .parquet."),
    (b"\x80\x02", "a Python pickle", "Save its table with pandas' to_parquet()."),
    (b"\x80\x03", "a Python pickle", "Save its table with pandas' to_parquet()."),
    (b"\x80\x04", "a Python pickle", "Save its table with pandas' to_parquet()."),
    (b"\x80\x05", "a Python pickle", "Save its table with pandas' to_parquet()."),
)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Every way in which a file cannot be opened, as one line.

    Raises:
        BadFileError: there is no such file, it may not be read, or it is no file (a folder, a pipe).
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise BadFileError(f"Expected a file, got the folder {quoted(path)}.")
        if not stat.S_ISREG(mode):
            raise BadFileError(
                f"Expected a file, got {quoted(path)}, which is a pipe or a device. Save its content to a file first."
            )
        yield
    except FileNotFoundError:
        raise BadFileError(f"Expected a file, got {quoted(path)}, which is not there. Check its name.") from None
    except PermissionError:
        raise BadFileError(f"Expected a file that may be read, got {quoted(path)}. Change its permissions.") from None
    except DAMAGED as error:
        raise BadFileError(
            f"Expected a whole packed file, got {quoted(path)}, which is cut off or damaged. Fetch it again."
        ) from error
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is None and not str(error):
            raise
        raise BadFileError(
            f"Expected a file that can be read, got {quoted(path)}: "
            f"{quoted(getattr(error, 'strerror', None) or error)}."
        ) from error


def kind(path: Path) -> str:
    """parquet, feather, zip, gzip, bz2, xz, zstd or text.

    Raises:
        BadFileError: another kind of file, which is named.
    """
    with path.open("rb") as file:
        first = file.read(512)
    for magic, name in _MAGIC:
        if first.startswith(magic):
            return name
    for magic, what, advice in _FOREIGN:
        if first.startswith(magic):
            raise BadFileError(f"Expected a file of prices, got {quoted(path)}, which is {what}. {advice}")
    if path.suffix == ".gz" and first:
        raise BadFileError(f"Expected a gzip file, got {quoted(path)}, which is not compressed. Rename it without .gz.")
    if path.suffix == ".parquet" and first:
        raise BadFileError(f"Expected a Parquet file, got {quoted(path)}, which is something else. Check its name.")
    text = first.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if text.startswith(b"<?xml") and b"<!doctype html" not in text and b"<html" not in text:
        what = "an Excel workbook of 2003 as XML" if b"office:spreadsheet" in text or b"excel" in text else "XML"
        raise BadFileError(
            f"Expected a file of prices, got {quoted(path)}, which is {what}. Save its table as .xlsx or .csv."
        )
    if text.startswith(b"mime-version:"):
        raise BadFileError(
            f"Expected a file of prices, got {quoted(path)}, which is a web page with its pictures (MHTML). "
            "Save the page as HTML alone, or its table as .csv."
        )
    return "text"


def may_hold_prices(name: str) -> bool:
    """Whether a file in a folder or an archive is one of prices, by its name."""
    if name.startswith("."):
        return False
    name = name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return name.endswith(SUFFIXES)


def inside(folder: Path) -> list[Path]:
    """The files of a folder that may hold prices, by name.

    Raises:
        BadFileError: there are none.
    """

    with os.scandir(folder) as entries:
        paths = sorted(folder / entry.name for entry in entries if may_hold_prices(entry.name) and entry.is_file())
    if not paths:
        raise BadFileError(
            f"Expected {', '.join(SUFFIXES)} files (.gz too) in the folder {quoted(folder)}, there are none."
        )
    return paths
