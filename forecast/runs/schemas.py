"""What may stand in each table of a run, once: kinds, ranges, times with a zone. Checked whenever one is read."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from forecast.runs.io import check_size, damaged


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column. low, high: bounds of a number, both allowed. above: a bound that is not allowed. Never NaN."""

    kind: Literal["text", "number", "time"]
    low: float = -np.inf
    high: float = np.inf
    above: float = -np.inf

    def problem(self, values: "pd.Series[Any]") -> str | None:
        """What is wrong with these values, None where nothing is."""
        if self.kind == "time":
            if not isinstance(values.dtype, pd.DatetimeTZDtype):
                return f"expected times with a zone, got {values.dtype}"
            return "a time is missing" if bool(values.isna().any()) else None
        if self.kind == "text":
            return "a text is missing" if bool(values.isna().any()) else None
        if not pd.api.types.is_numeric_dtype(values.dtype):
            return f"expected numbers, got {values.dtype}"
        numbers = values.to_numpy(np.float64, na_value=np.nan)
        invalid = ~(np.isfinite(numbers) & (numbers >= self.low) & (numbers <= self.high) & (numbers > self.above))
        if not invalid.any():
            return None
        row = int(np.argmax(invalid))
        if np.isfinite(self.above):
            return f"expected finite numbers above {self.above:g}, got {numbers[row]:g} in row {row}"
        return f"expected finite numbers from {self.low:g} to {self.high:g}, got {numbers[row]:g} in row {row}"


Schema = Mapping[str, Column]

_TEXT, _TIME, _NUMBER = Column(kind="text"), Column(kind="time"), Column(kind="number")
_COUNT = Column(kind="number", low=0)
_SHARE, _PRICE = Column(kind="number", low=0, high=1), Column(kind="number", above=0)
_MEMBER = {"model": _TEXT, "fold": _COUNT, "seed": _COUNT}
_ROWS: Schema = {
    "symbol": _TEXT, **_MEMBER, "decided_at": _TIME, "entry_at": _TIME, "exit_at": _TIME,
    "probability": _SHARE, "target": _SHARE, "forward_return": Column(kind="number", low=-1),
}  # fmt: skip

SCHEMAS: Mapping[str, Schema] = {
    "predictions.parquet": _ROWS,
    "validation.parquet": _ROWS,
    "bars.parquet": {
        "symbol": _TEXT, "opened_at": _TIME, "closed_at": _TIME,
        "open": _PRICE, "high": _PRICE, "low": _PRICE, "close": _PRICE, "volume": _COUNT,
    },
    "history.parquet": {
        **_MEMBER, "epoch": Column(kind="number", low=1), "loss": _NUMBER, "val_loss": _NUMBER, "seconds": _COUNT,
    },
    "paths.parquet": {
        **_MEMBER, "part": _TEXT, "decided_at": _TIME, "step": Column(kind="number", low=1),
        "predicted": _NUMBER, "came": _NUMBER, "volatility": _COUNT,
    },
    "signals.parquet": {"symbol": _TEXT, "model": _TEXT, "member": _TEXT, "decided_at": _TIME, "signal": _TEXT},
    "ledger.parquet": {
        "symbol": _TEXT, "model": _TEXT, "member": _TEXT, "time": _TIME, "position": _NUMBER,
        "gross_return": _NUMBER, "cost": _COUNT, "net_return": Column(kind="number", low=-1),
    },
    "trades.parquet": {
        "symbol": _TEXT, "model": _TEXT, "member": _TEXT, "side": _TEXT, "entry_at": _TIME, "exit_at": _TIME,
        "bars": Column(kind="number", low=1), "entry_price": _PRICE, "exit_price": _PRICE,
        "gross_return": _NUMBER, "financing": _COUNT, "cost": _COUNT, "net_return": Column(kind="number", low=-1),
        "open_at_end": Column(kind="number", low=0, high=1),
    },
}  # fmt: skip


def parse(content: bytes, path: Path) -> pd.DataFrame:
    """A table from the bytes of its file; its footer is asked first how large it becomes.

    Raises:
        RunError: another file, one that is too large, or values that it may not hold.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        footer = pq.read_metadata(io.BytesIO(content))
        check_size(footer.num_rows, footer.num_columns, path)
        frame = pd.read_parquet(io.BytesIO(content))
    except (ValueError, OSError, pa.ArrowException) as error:
        raise damaged(path, error) from error
    return check(frame, path)


def check(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The same table, whose values are those that its file may hold.

    Raises:
        RunError: a column that is missing, of another kind, or out of its range.
    """
    for name, column in SCHEMAS.get(path.name, {}).items():
        if name not in frame:
            raise damaged(path, f"it lacks the column {name}")
        if (problem := column.problem(frame[name])) is not None:
            raise damaged(path, f"{name}: {problem}")
    return frame
