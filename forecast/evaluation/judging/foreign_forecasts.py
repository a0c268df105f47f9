"""Forecasts made by another program, as a file or a frame -> one table: who forecasts what, when, and how surely.

Shapes are recognised by their columns: the project's own predictions.parquet; a date with a probability, a signal or a
score; the long frames of neuralforecast and statsforecast (unique_id, ds, a column a model); a wide frame with a column
a model, as darts gives. Whatever could mean two things is asked about, never guessed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.judging import AUTO, JudgeConfig
from forecast.evaluation.judging import cells
from pipelines.errors import BadFileError
from pipelines.market.types import Floats

SCORE_UNIT = 0.01
"""A score of this size stands for a probability of 0.75: what scores become keeps their order and their sign."""

UNNAMED = "forecast"
"""What a single model is called whose file does not name it."""

_OWN = ("symbol", "model", "fold", "seed", "decided_at", "entry_at", "exit_at", "probability", "target",
        "forward_return")  # fmt: skip
_TIMES = ("decided_at", "date", "ds", "time", "datetime", "timestamp", "session", "closed_at")
_SYMBOLS = ("symbol", "ticker", "unique_id", "item_id", "instrument", "asset")
_VALUES = {
    "probability": ("probability", "prob", "proba", "p_up", "prob_up", "p"),
    "signal": ("signal", "action", "side"),
    "position": ("position",),
    "score": ("score", "forecast", "prediction", "pred", "y_hat", "yhat", "predicted_return", "expected_return"),
}
_VAGUE = ("forecast", "prediction", "pred", "y_hat", "yhat")  # names that say nothing of the numbers
_LIBRARY = {"unique_id", "ds"}
_BESIDE = ("y", "cutoff", "open", "high", "low", "close", "adj_close", "volume", "index", "level_0")
_INTERVAL = re.compile(r".*-(lo|hi)-\d+(\.\d+)?")
_MOST_BYTES = 1 << 30
_MOST_ROWS = 1 << 26


@dataclass(frozen=True, kw_only=True, eq=False)
class ForeignForecasts:
    """Forecasts of one or several models and symbols.

    rows: model, seed, time (with a zone or without), value; symbol and fold where the file has them; ahead, the time
    that is forecast, where time is that of a column of cutoffs; entry_at, exit_at, target and forward_return of a file
    of the project's own. values: what value is. own: a file of the project's own. seeded: whether the file says which
    training a row comes from. library: whether it has the columns of neuralforecast and statsforecast. ignored: columns
    that were not used.
    """

    rows: pd.DataFrame
    values: str
    from_run: bool
    seeded: bool
    library: bool
    ignored: tuple[str, ...]

    @property
    def symbols(self) -> list[str]:
        """The symbols that the file names; none where it has no such column."""
        return sorted(set(self.rows["symbol"])) if "symbol" in self.rows else []

    @property
    def cutoff(self) -> bool:
        """Whether rows are dated by a cutoff, the last moment that their forecast knew."""
        return "ahead" in self.rows

    def of(self, symbol: str) -> pd.DataFrame:
        """A symbol's rows; all of them where the file names no symbol."""
        return self.rows[self.rows["symbol"] == symbol] if "symbol" in self.rows else self.rows


def read_file(path: Path) -> pd.DataFrame:
    """A table of forecasts from a .csv or .parquet file.

    Raises:
        BadFileError: it is missing, of another kind, too large, empty or damaged.
    """
    kind = "".join(path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:]).lower()
    if kind not in (".csv", ".csv.gz", ".parquet"):
        raise BadFileError(f"Expected a file of forecasts as .csv or .parquet, got {path.name!r}. Save it as one.")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise BadFileError(f"Expected forecasts of 1 GB at most, got {path}. Judge fewer symbols at a time.")
        if kind == ".parquet":
            return _read_parquet(path)
        return pd.read_csv(path, low_memory=False)
    except FileNotFoundError as error:
        raise BadFileError(f"Expected a file of forecasts, got none at {path}. Check the path.") from error
    except BadFileError:
        raise
    except Exception as error:  # the parsers of a damaged file raise whatever they stumble over
        raise BadFileError(
            f"Expected a table of forecasts in {path}, got something that cannot be read "
            f"({type(error).__name__}: {cells.short(error)}). Write it anew."
        ) from error


def recognise(frame: pd.DataFrame, *, config: JudgeConfig) -> ForeignForecasts:
    """What a frame of forecasts holds.

    Raises:
        BadFileError: columns that are missing or could mean two things, values that cannot be forecasts.
    """
    if not isinstance(frame, pd.DataFrame):
        raise BadFileError(f"Expected forecasts as a DataFrame, got {type(frame).__name__}. Make one: pd.DataFrame.")
    frame = _with_index(frame)
    names = [str(column).strip().lower().replace(" ", "_") for column in frame.columns]
    if not len(frame) or not names:
        raise BadFileError("Expected forecasts, got an empty table. Write one row a decision.")
    spelled = dict(zip(names, map(str, frame.columns), strict=True))
    if len(spelled) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise BadFileError(f"Expected each column once, got {repeated[:40]!r} several times. Rename or drop one.")
    frame = frame.set_axis(names, axis=1).reset_index(drop=True)
    from_run = set(_OWN) <= set(names)
    time = _one(names, _TIMES, "a column of times", "Name it date, with a day like 2024-01-31 in each row.")
    symbol = _one(names, _SYMBOLS, "a column of symbols", "") if set(names) & set(_SYMBOLS) else ""
    special = {time, symbol, "model", "seed", "fold", *_BESIDE, *(_OWN if from_run else ())} - {"probability"}
    columns, kind = _value_columns(frame, [name for name in names if name not in special], config=config)
    rows = _long(frame, {name: spelled[name] for name in columns}, keep=[name for name in names if name in special])
    cutoff = "cutoff" in names and not from_run
    table: dict[str, Any] = {
        "model": cells.model_names(rows["model"], from_run=from_run),
        "seed": cells.whole_numbers(rows["seed"], "seed") if "seed" in names else np.zeros(len(rows), dtype=np.int64),
        "time": cells.times_of(rows["cutoff" if cutoff else time], "cutoff" if cutoff else time),
        "value": cells.numbers_of(rows["value"], kind=kind),
    }
    if cutoff:
        table["ahead"] = cells.times_of(rows[time], time)
    if symbol:
        table["symbol"] = cells.symbol_names(rows[symbol])
    if "fold" in names:
        table["fold"] = cells.whole_numbers(rows["fold"], "fold")
    if from_run:
        table |= {name: cells.times_of(rows[name], name) for name in ("entry_at", "exit_at")}
        table |= {name: cells.finite_numbers(rows[name], name) for name in ("target", "forward_return")}
    return ForeignForecasts(
        rows=pd.DataFrame(table),
        values=kind,
        from_run=from_run,
        seeded="seed" in names,
        library=set(names) >= _LIBRARY,
        ignored=tuple(
            spelled[name]
            for name in names
            if name not in columns and (name not in special or name in _BESIDE) and not (cutoff and name == "cutoff")
        ),
    )


def probabilities(values: Floats, *, kind: str) -> Floats:
    """What stands in a run for values of that kind; scores keep their order, and 0 becomes one half.

    A score s becomes 1/2 + s / (2 (|s| + 0.01)): no probability that anything rises, but a number that is above one
    half where the score is above zero.
    """
    if kind in ("score", "price"):
        return np.asarray(0.5 + 0.5 * values / (np.abs(values) + SCORE_UNIT))
    return values


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its index as columns, where that is more than a count of rows."""
    levels = [name for name in frame.index.names if name is not None]
    if isinstance(frame.columns, pd.MultiIndex):
        raise BadFileError("Expected one row of headings, got several. Join them: df.columns.map('_'.join).")
    if levels and not set(levels) & set(frame.columns):
        return frame.reset_index()
    if isinstance(frame.index, pd.DatetimeIndex | pd.PeriodIndex):
        return frame.rename_axis("time").reset_index() if "time" not in frame else frame
    unnamed = [name for name in frame.columns if str(name).startswith("Unnamed: 0")]  # the index of a saved CSV
    first = unnamed[0] if unnamed else None
    if first is not None and not pd.api.types.is_numeric_dtype(frame[first]):
        return frame.rename(columns={first: "time"})
    return frame.drop(columns=unnamed)


def _one(names: Sequence[str], candidates: Sequence[str], subject: str, hint: str) -> str:
    """The one of these names that is there."""
    present = [name for name in candidates if name in names]
    if len(present) > 1:
        raise BadFileError(f"Expected {subject}, got {', '.join(present)}. Keep the one that counts.")
    if not present:
        raise BadFileError(f"Expected {subject} out of {', '.join(candidates)}, got {_listed(names)}. {hint}")
    return present[0]


def _value_columns(frame: pd.DataFrame, names: list[str], *, config: JudgeConfig) -> tuple[list[str], str]:
    """The columns that hold forecasts, and what they are."""
    kinds = {alias: kind for kind, aliases in _VALUES.items() for alias in aliases}
    recognised = [name for name in names if name in kinds]
    if len(recognised) > 1:
        raise BadFileError(f"Expected one column of forecasts, got {', '.join(recognised)}. Keep the one to be judged.")
    columns = recognised or [name for name in names if not _INTERVAL.fullmatch(name)]
    if not columns:
        raise BadFileError(
            f"Expected a column of forecasts named probability, signal or score, or a column a model, got "
            f"{_listed(list(frame.columns))}. Rename it."
        )
    if not recognised and "model" in frame and len(columns) > 1:
        raise BadFileError(
            f"Expected one column of forecasts beside the column model, got {_listed(columns)}. Name it probability, "
            "signal or score."
        )
    if config.values != AUTO:
        return columns, config.values
    kind = kinds[recognised[0]] if recognised else _kind_of(frame[columns], columns)
    if recognised and recognised[0] in _VAGUE and _are_shares(frame[recognised[0]]):
        kind = _kind_of(frame[columns], columns)
    text = any(not pd.api.types.is_numeric_dtype(frame[name]) for name in columns)
    return columns, "signal" if text and kind == "score" and recognised and recognised[0] in (
        "forecast",
        "prediction",
    ) else kind


def _are_shares(column: "pd.Series[Any]") -> bool:
    """Whether a column's numbers lie between 0 and 1, and not at these alone: as scores they would all be rises."""
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return False
    numbers = column.dropna().to_numpy(np.float64)
    return len(numbers) > 0 and bool(np.all((numbers >= 0.0) & (numbers <= 1.0)) and np.any(numbers % 1.0))


def _kind_of(values: pd.DataFrame, columns: Sequence[str]) -> str:
    """What columns without a telling name hold, where their values leave one answer."""
    if any(pd.api.types.is_bool_dtype(values[name]) for name in columns):
        return "position"
    if not all(pd.api.types.is_numeric_dtype(values[name]) for name in columns):
        return "signal"
    numbers = values.to_numpy(np.float64, na_value=np.nan).ravel()
    numbers = numbers[np.isfinite(numbers)]
    if np.all(np.isin(numbers, (-1.0, 0.0, 1.0))) and np.any(numbers < 0):
        return "signal"
    if np.any(numbers < 0):
        return "score"
    if np.all(numbers <= 1):
        raise BadFileError(
            f"Expected to know what {_listed(columns)} holds, got numbers from 0 to 1 that may be probabilities or "
            "scores. Say --values probability or --values score."
        )
    middle = float(np.median(numbers)) if len(numbers) else 0.0
    raise BadFileError(
        f"Expected scores, of which some are below 0, in {_listed(columns)}, got numbers around {middle:g}. Say "
        "--values price if they are prices, else --values score."
    )


def _long(frame: pd.DataFrame, columns: dict[str, str], *, keep: Sequence[str]) -> pd.DataFrame:
    """One row a forecast: columns of several models below each other. columns: name -> as the file spells it."""
    if "model" in frame:
        return frame[list(keep)].assign(value=frame[next(iter(columns))])
    kinds = {alias for aliases in _VALUES.values() for alias in aliases}
    parts = [
        frame[list(keep)].assign(value=frame[name], model=UNNAMED if name in kinds else spelled)
        for name, spelled in columns.items()
    ]
    if len({part["value"].dtype for part in parts}) > 1 and not all(
        pd.api.types.is_numeric_dtype(part["value"]) for part in parts
    ):
        raise BadFileError(
            f"Expected forecasts of one kind, got numbers and texts in {_listed(list(columns.values()))}. Keep the "
            "columns to be judged."
        )
    return pd.concat(parts, ignore_index=True)


def _read_parquet(path: Path) -> pd.DataFrame:
    """A parquet file whose footer says that it fits into memory."""
    import pyarrow.parquet as pq

    footer = pq.read_metadata(path)
    if footer.num_rows * max(1, footer.num_columns) > _MOST_ROWS * 8:
        raise BadFileError(f"Expected {_MOST_ROWS:,} forecasts at most, got {footer.num_rows:,}. Judge them in parts.")
    pq.read_table(path).validate(full=True)  # texts that are no UTF-8 are noticed here, not where they are used
    return pd.read_parquet(path)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(str, names))[:120] or "none"
