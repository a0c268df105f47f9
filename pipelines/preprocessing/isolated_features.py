"""A person's features computed in a fresh process on truncated histories, and what they opened while they did."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from pipelines.market.types import Bars, Floats
from pipelines.preprocessing import custom_features, feature_process
from pipelines.preprocessing.isolated_process import ask_process
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
    answer = ask_process(feature_process.__name__, *_request(bars, cuts), limit=limit)
    messages: dict[str, dict[str, Any]] = {}
    for message in answer.messages:
        messages.setdefault(message["feature"], {}).update(message)
    for name in cuts:
        answer.refuse(messages.get(name, {}), f"Feature {name}", hint="Let it neither exit nor run for minutes.")
    return {name: _result(messages[name]) for name in cuts}


def _request(bars: Bars, cuts: Mapping[str, Sequence[int] | Rows]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is asked, and the arrays beside it."""
    arrays: dict[str, Any] = {}
    scalars: dict[str, Any] = {}
    for field in fields(Bars):
        if field.name == "joined":  # of other symbols: no feature of one's own sees it
            continue
        value = getattr(bars, field.name)
        (arrays if isinstance(value, np.ndarray) else scalars)[field.name] = value
    request = {"features": list(cuts), "bars": scalars, "columns": list(arrays)}
    return request, arrays | {
        f"cuts {number}": np.asarray(rows, dtype=np.int64) for number, rows in enumerate(cuts.values())
    }


def _result(message: Mapping[str, Any]) -> Recomputation:
    values = message["values"]
    return Recomputation(
        rows=np.asarray(message["rows"], dtype=np.int64),
        values=np.array([np.nan if isinstance(value, str) else value for value in values], dtype=np.float64),
        errors={row: value for row, value in zip(message["rows"], values, strict=True) if isinstance(value, str)},
        whole=np.frombuffer(base64.b64decode(message["whole"]), dtype=np.float64),
        precision=float(message["precision"]),
        repeatable="unrepeatable" not in message,
        access=tuple(message["access"]),
    )
