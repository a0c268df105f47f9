"""A table to a file that other programs open."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.files import write_atomically

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_frame(frame: "pd.DataFrame", path: Path) -> Path:
    """Parquet or, for any other name, CSV. Text cells that a spreadsheet would take for a formula get an apostrophe."""
    if path.suffix == ".parquet":
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False, compression="zstd")
        return write_atomically(path, buffer.getvalue())
    plain = frame.copy()
    for name in plain.columns:
        if plain[name].dtype.kind not in "fiu":
            plain[name] = plain[name].astype(str).map(_plain)
    return write_atomically(path, plain.to_csv(index=False, lineterminator="\n").encode())


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
