"""LOBSTER's two files of a day: messages, of which executions are trades, and the book after each of them.

Huang, R. & Polak, T. (2011): LOBSTER, Limit Order Book Reconstruction System. Of the book the first level is read.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BadFileError
from pipelines.market.types import Floats
from pipelines.sources.csv.cells import quoted
from pipelines.sources.csv.formats import kinds, streams

MESSAGES, BOOK = "_message_", "_orderbook_"
_TRADES = (4, 5)  # a visible and a hidden order executed
_LEVEL = ("ask", "ask_size", "bid", "bid_size")
_NOBODY = 9_999_999_999  # the price of a side without orders, with its sign


def trades(events: Floats) -> NDArray[np.bool_]:
    """Which messages are executions, shape (messages,)."""
    return np.isin(events, _TRADES)


def book_file(messages: Path) -> Path | None:
    """The file of the book beside one of messages: its name the same but for "orderbook"; None where there is none."""
    path = messages.with_name(messages.name.replace(MESSAGES, BOOK))
    return path if MESSAGES in messages.name and path.is_file() else None


def book(messages: Path) -> dict[str, Floats] | None:
    """ask, ask_size, bid and bid_size after each message, NaN where a side is empty; None where there is no such file.

    Raises:
        BadFileError: a file that is no book.
    """
    path = book_file(messages)
    if path is None:
        return None
    import pyarrow as pa
    from pyarrow import csv

    names = [f"f{number}" for number in range(len(_LEVEL))]
    with kinds.readable(path):
        stream, _ = streams.open_text(path)
        with stream:
            try:
                table = csv.read_csv(
                    pa.PythonFile(stream, mode="r"),
                    read_options=csv.ReadOptions(autogenerate_column_names=True, use_threads=False),
                    convert_options=csv.ConvertOptions(
                        include_columns=names, column_types=dict.fromkeys(names, pa.float64())
                    ),
                )
            except pa.ArrowException as error:
                raise BadFileError(
                    f"Expected LOBSTER's book (ask, ask size, bid, bid size of each level), got {quoted(path)}: "
                    f"{quoted(str(error).splitlines()[0][:120])}. Fetch it again."
                ) from error
    columns = {name: np.array(table[f].to_numpy()) for name, f in zip(_LEVEL, names, strict=True)}
    for name in ("ask", "bid"):
        columns[name][np.abs(columns[name]) >= _NOBODY] = np.nan
    return columns
