"""A person's features computed in a fresh process on truncated histories, and what they opened while they did."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from pipelines.market.types import Bars, Floats
from pipelines.preprocessing import custom_features, feature_process
from pipelines.preprocessing.isolated_process import Part, ask_process, stretches
from pipelines.preprocessing.windows import Rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Recomputation:
    """What one feature gave in a process that had seen nothing longer.

    rows: bars at which a history ended, ascending. values: the feature there, NaN where it has none. errors: why it
    gave nothing, by row. whole: all its values on the whole history, computed last. precision: machine epsilon of the
    type that it returned. repeatable: whether the same history gave the same values twice. access: what it opened.
    """

    rows: Rows
    values: Floats
    errors: Mapping[int, str]
    whole: Floats
    precision: float
    repeatable: bool
    access: tuple[str, ...]


def recompute(bars: Bars, cuts: Mapping[str, Rows]) -> dict[str, Recomputation]:
    """Each feature on the histories that end at its cuts.

    Parameters
    ----------
    bars
        The whole history.
    cuts
        By feature `module:function`: the last bars of its histories, ascending.

    Raises
    ------
    ConfigError
        One that takes too long, ends the process, or fails on the whole history.
    """
    limit = 60.0 + len(cuts) * (feature_process.BUDGET + 5 * custom_features.LONGEST_CALL)
    scalars, columns = bars_columns(bars)
    request = {"features": {name: len(rows) for name, rows in cuts.items()}, "bars": scalars}
    answer = ask_process(feature_process.__name__, request, _histories(columns, cuts), limit=limit)
    messages: dict[str, dict[str, Any]] = {name: {} for name in cuts}
    computing = next(iter(cuts))
    for message in answer.messages:
        computing = message["feature"]
        messages[computing].update(message)
    for name in [*(name for name in cuts if "error" in messages[name]), computing]:
        answer.refuse(messages[name], f"Feature {name}", hint="Let it neither exit nor run for minutes.")
    return {name: _result(messages[name]) for name in cuts}


def bars_columns(bars: Bars) -> tuple[dict[str, Any], dict[str, "np.ndarray[Any, Any]"]]:
    """The fields of bars that are one for all, and those with a number a bar."""
    arrays: dict[str, Any] = {}
    scalars: dict[str, Any] = {}
    for field in fields(Bars):
        if field.name == "joined":  # of other symbols: no feature of one's own sees it
            continue
        value = getattr(bars, field.name)
        (arrays if isinstance(value, np.ndarray) else scalars)[field.name] = value
    return scalars, arrays


def _histories(columns: Mapping[str, "np.ndarray[Any, Any]"], cuts: Mapping[str, Rows]) -> Iterator[Part]:
    """For each cut the bars since the one before and the features that have it; at last the bars that remain."""
    ends = np.unique(np.concatenate(list(cuts.values()))).tolist()
    features: list[dict[str, Any]] = [
        {"features": [name for name, rows in cuts.items() if end in rows]} for end in ends
    ]
    yield from zip([*features, {}], stretches(columns, ends), strict=True)


def _result(message: Mapping[str, Any]) -> Recomputation:
    values = message["values"]
    return Recomputation(
        rows=np.asarray(message["rows"], dtype=np.int64),
        values=np.array([np.nan if isinstance(value, str) else value for value in values], dtype=np.float64),
        errors={row: value for row, value in zip(message["rows"], values, strict=True) if isinstance(value, str)},
        whole=np.frombuffer(base64.b64decode(message["whole"]), dtype=np.float64),
        precision=float(message["precision"]),
        repeatable=bool(message["repeatable"]),
        access=tuple(message["access"]),
    )
