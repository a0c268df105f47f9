"""Cells of forecasts made elsewhere -> model names, symbols, times, and numbers that the kind of forecast allows."""

import re
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.experiment import BASELINES
from forecast.config.model_registry import JUDGED, MODELS, is_judged
from forecast.statistics.comparisons import BASE_RATE, BENCHMARKS
from forecast.trading.signals import ENSEMBLE
from pipelines.errors import BadFileError, ForecastError
from pipelines.market.types import Floats, check_symbol

_SIGNALS = {"buy": 1.0, "long": 1.0, "hold": 0.5, "keep": 0.5, "sell": 0.0, "short": 0.0}
_POSITIONS = {"long": 1.0, "in": 1.0, "flat": 0.0, "out": 0.0}
_OFFSET = re.compile(r".*[\dT ]\d\d(:?\d\d(:?\d\d(\.\d+)?)?)?(Z|[+-]\d\d:?\d\d)")
_LONGEST_NAME = 60


def model_names(names: "pd.Series[Any]", *, from_run: bool) -> "pd.Series[Any]":
    """Model names that a page can show and that mean nothing else here; those of the project's own runs stay."""
    if bool(names.isna().any()):
        raise BadFileError("Expected a model in every row, got rows without. Fill the column model.")
    texts = names.astype(str)
    reserved = {*BENCHMARKS, BASE_RATE, ENSEMBLE, "best_baseline", "difference", *BASELINES}
    project_names = {name for name in texts.unique() if from_run and (name in (*MODELS, *BASELINES) or is_judged(name))}
    for name in texts.unique():
        if name in project_names:
            continue
        if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable() or ":" in name:
            raise BadFileError(
                f"Expected models named by 1 to {_LONGEST_NAME} printable characters without a colon, got "
                f"{name[:_LONGEST_NAME]!r}. Rename it."
            )
        if name in reserved:
            raise BadFileError(f"Expected a model name of its own, got {name}, a benchmark's. Rename it: my_{name}.")
    return pd.Series(
        texts.map({name: name if name in project_names else f"{JUDGED}:{name}" for name in texts.unique()})
    )


def symbol_names(names: "pd.Series[Any]") -> "pd.Series[Any]":
    if bool(names.isna().any()):
        raise BadFileError("Expected a symbol in every row, got rows without. Fill the column.")
    texts = names.astype(str)
    checked = {name: check_symbol(name) for name in texts.unique()}
    return pd.Series(texts.map(checked))


def numbers_of(values: "pd.Series[Any]", *, kind: str) -> Floats:
    """The values as numbers, which a kind's own rules allow."""
    texts = {"signal": _SIGNALS, "position": _POSITIONS}.get(kind)
    if texts is not None and not pd.api.types.is_numeric_dtype(values):
        cells = values.astype(str).str.strip().str.lower()
        scores = cells.map(texts)
        if bool(scores.isna().any()):
            row = int(np.argmax(scores.isna()))
            raise BadFileError(
                f"Expected each {kind} out of {', '.join(texts)}, got {str(values.iloc[row])[:40]!r} in row {row}. "
                "Write one of them."
            )
        return np.asarray(scores, dtype=np.float64)
    numbers = finite_numbers(values, "forecasts")
    if kind == "signal":
        _check(
            numbers, np.isin(numbers, (-1.0, 0.0, 1.0)), "signals -1, 0 (hold) or 1", "Say --values score for others."
        )
        return np.asarray((numbers + 1.0) / 2.0, dtype=np.float64)
    if kind == "position":
        why = "Say --values signal where 0 keeps a position, score where the size counts."
        _check(numbers, np.isin(numbers, (0.0, 1.0)), "positions 0 (out) or 1 (in)", why)
    if kind == "probability":
        inside = (numbers >= 0.0) & (numbers <= 1.0)
        _check(numbers, inside, "probabilities from 0 to 1", "Say --values score where they are scores.")
    if kind == "price":
        _check(numbers, numbers > 0, "prices above 0", "Say --values score where they are returns.")
    return numbers


def finite_numbers(values: "pd.Series[Any]", subject: str) -> Floats:
    try:
        if pd.api.types.is_complex_dtype(values):
            raise TypeError("complex numbers")
        numbers = pd.to_numeric(values).to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadFileError(
            f"Expected numbers as {subject}, got other values ({short(error)}). Write numbers."
        ) from error
    _check(numbers, np.isfinite(numbers), f"finite numbers as {subject}", "Drop those rows or fill them.")
    return numbers


def whole_numbers(values: "pd.Series[Any]", name: str) -> "np.ndarray[Any, np.dtype[np.int64]]":
    numbers = finite_numbers(values, f"{name} numbers")
    fine = (numbers >= 0) & (numbers == np.floor(numbers)) & (numbers < 100_000)
    _check(numbers, fine, f"whole {name} numbers from 0 on", f"Number each {name} from 0.")
    return numbers.astype(np.int64)


def _check(numbers: Floats, fine: "np.ndarray[Any, np.dtype[np.bool_]]", subject: str, hint: str) -> None:
    if not np.all(fine):
        row = int(np.argmin(fine))
        raise BadFileError(
            f"Expected {subject}, got {numbers[row]:g} in row {row} and {int((~fine).sum()) - 1} others. {hint}"
        )


def times_of(values: "pd.Series[Any]", name: str) -> "pd.Series[Any]":
    """Times with a zone (as UTC) or without one; days as midnights."""
    try:
        parsed = _parsed_times(values, name)
        if isinstance(parsed.dtype, pd.PeriodDtype):
            parsed = parsed.dt.to_timestamp()
        parsed = parsed.dt.as_unit("ns")
    except BadFileError:
        raise
    except (TypeError, ValueError, OverflowError, AttributeError, ForecastError) as error:
        raise BadFileError(
            f"Expected days like 2024-01-31 or times like 2024-01-31T16:00:00+00:00 in {name}, got others "
            f"({short(error)}). Write them so."
        ) from error
    if bool(parsed.isna().any()):
        raise BadFileError(f"Expected a time in every row of {name}, got none in row {int(np.argmax(parsed.isna()))}.")
    return pd.Series(parsed)


def _parsed_times(values: "pd.Series[Any]", name: str) -> "pd.Series[Any]":
    if pd.api.types.is_datetime64_any_dtype(values) or isinstance(values.dtype, pd.PeriodDtype):
        return values
    if pd.api.types.is_numeric_dtype(values):
        numbers = values.to_numpy(np.float64, na_value=np.nan)
        if not np.all((numbers >= 19_000_101) & (numbers <= 22_000_101) & (numbers == np.floor(numbers))):
            raise BadFileError(
                f"Expected days like 2024-01-31 or times like 2024-01-31T16:00:00+00:00 in {name}, got numbers such "
                f"as {numbers[0]:g}. Convert them: pd.to_datetime(..., unit='s', utc=True)."
            )
        return pd.Series(pd.to_datetime(numbers.astype(np.int64).astype(str), format="%Y%m%d"))
    if bool(values.isna().any()):
        raise BadFileError(f"Expected a time in every row of {name}, got none in row {int(np.argmax(values.isna()))}.")
    texts = values.astype(str).str.strip()
    zoned = texts.str.fullmatch(_OFFSET)
    if bool(zoned.any()) and not bool(zoned.all()):
        raise BadFileError(f"Expected every time in {name} with a zone or none, got both. Write all in one way.")
    return pd.Series(pd.to_datetime(texts, format="ISO8601", utc=bool(zoned.any())))


def short(error: BaseException) -> str:
    return " ".join(str(error).split())[:120]
