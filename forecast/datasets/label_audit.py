"""Look-ahead audit of a person's own label: made again on what was known at the open at which it says it is known.

The history ends with the bars that the row needs to be there at all. From its exit on, but for the exit's open, they
have another future: once they rise, once they fall. A label that looks further comes out otherwise in one of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forecast.datasets.audit_cuts import telling_rows, unusual_rows
from forecast.datasets.dataset import Dataset
from pipelines import user_code
from pipelines.errors import ConfigError
from pipelines.market.times import iso
from pipelines.market.types import Bars
from pipelines.preprocessing import custom_labels, label_process
from pipelines.preprocessing.isolated_features import bars_columns
from pipelines.preprocessing.isolated_process import Effort, Part, ask_process
from pipelines.preprocessing.label_process import FUTURES
from pipelines.preprocessing.windows import Rows

RANDOM_ROWS = 150
BUDGET = 20.0  # seconds of work; a slow label is made again at fewer rows
_FEWEST = 10
_ROUNDING = 1e-9  # of the largest value: sums in another order
_PRICES = ("open", "high", "low", "close", "vwap", "bid", "ask")


@dataclass(frozen=True, kw_only=True)
class LabelAudit:
    """What making the label again showed. compared: rows. failures, unverifiable: a line for each."""

    compared: int
    failures: tuple[str, ...]
    unverifiable: tuple[str, ...]


def audit(dataset: Dataset, *, name: str, horizon: int, rng: np.random.Generator) -> LabelAudit:
    """Makes a person's own label again at some 300 rows, the earliest first.

    Raises:
        ConfigError: it fails, takes too long, or gives others for the same bars.
    """
    bars = dataset.bars
    user_code.end_process()
    effort = Effort()
    values, bars_held = custom_labels.compute(name, bars, horizon=horizon)
    elapsed = effort.seconds()
    repeated = custom_labels.compute(name, bars, horizon=horizon)
    if not (np.array_equal(values, repeated[0]) and np.array_equal(bars_held, repeated[1])):
        raise ConfigError(
            f"Label {name}: expected the same values for the same bars, got others the second time. Let it depend on "
            "bars alone; where it needs random numbers, make them by np.random.default_rng(0) inside the function."
        )
    rows = _rows(dataset, values, bars_held.astype(np.float64), rng=rng)
    fewer = max(_FEWEST, int(BUDGET / max(2.0 * elapsed, 1e-6)))
    slow = len(rows) > fewer
    if slow:
        rows = np.sort(rng.choice(rows, size=fewer, replace=False))
    again, access = _made_again(name, bars, rows, bars_held, horizon=horizon)
    allowed = _ROUNDING * float(np.max(np.abs(values)))
    differing: list[int] = []
    for row in rows.tolist():
        answers, error = again[row]
        if error:
            return LabelAudit(compared=len(rows), failures=(_fails(name, bars, row, error),), unverifiable=())
        if any(abs(value - values[row]) > allowed or bars_to_exit != bars_held[row] for value, bars_to_exit in answers):
            differing.append(row)
    slow_note = (f"label {name} is slow: it was made again at {len(rows)} rows only",) if slow else ()
    return LabelAudit(
        compared=len(rows),
        failures=tuple(_failures(name, bars, differing, of=len(rows), bars_held=bars_held)),
        unverifiable=(*slow_note, *(f"label {name} {entry}" for entry in access)),
    )


def _made_again(
    name: str, bars: Bars, rows: Rows, bars_held: Rows, *, horizon: int
) -> tuple[dict[int, tuple[list[tuple[float, int]], str]], list[str]]:
    """Row -> value and bars held with either future, or the error; and what was opened. In a fresh process."""
    scalars, columns = bars_columns(bars)
    exits = rows + 1 + bars_held[rows]
    order = np.argsort(exits, kind="stable")

    def parts() -> Iterator[Part]:
        start = 0
        for row, end in zip(rows[order].tolist(), exits[order].tolist(), strict=True):
            arrays = {f"past {column}": array[start:end] for column, array in columns.items()}
            history = bars.rows(slice(0, row + 2 + horizon))
            for future in FUTURES:
                _, altered = bars_columns(_with_another_future(history, end, upwards=future == FUTURES[0]))
                arrays |= {f"{future} {column}": array[end:] for column, array in altered.items()}
            yield {"row": row}, arrays
            start = end

    limit = 60.0 + 3.0 * BUDGET + 5 * user_code.LONGEST_CALL
    request = {"name": name, "horizon": horizon, "bars": scalars}
    answer = ask_process(label_process.__name__, request, parts(), limit=limit)
    answer.refuse(answer.messages[-1] if answer.messages else {}, f"Label {name}", hint="Let it neither exit nor wait.")
    again = {message["row"]: (message["answers"], message["error"]) for message in answer.messages[:-1]}
    return again, answer.messages[-1]["access"]


def _rows(dataset: Dataset, values: Any, bars_held: Any, *, rng: np.random.Generator) -> Rows:
    """Rows at which the label is made again: at random, where leaks hide, where its values or exits are unusual."""
    first, last = int(dataset.windows.ends[0]), int(dataset.windows.ends[-1])
    sampled = rng.choice(np.arange(first, last + 1), size=min(RANDOM_ROWS, last + 1 - first), replace=False)
    telling = telling_rows(dataset.bars, first=first, rng=rng, events=None)
    unusual = [
        unusual_rows(values_or_exits, number=12, first=first, rng=rng) for values_or_exits in (values, bars_held)
    ]
    rows = np.unique(np.concatenate([sampled, telling, *unusual]))
    return np.asarray(rows[rows <= last], dtype=np.int64)


def _with_another_future(history: Bars, bar: int, *, upwards: bool) -> Bars:
    """From this bar on, but for its open, prices rise or fall by 5 % a bar and everything else is another bar's."""
    later = np.arange(bar, len(history))
    change = np.exp((0.05 if upwards else -0.05) * np.arange(len(later) + 1))
    opens, closes = history.open[bar] * change[:-1], history.open[bar] * change[1:]
    prices = {
        "open": opens, "high": np.maximum(opens, closes), "low": np.minimum(opens, closes), "close": closes,
        "vwap": closes, "bid": opens, "ask": opens,
    }  # fmt: skip
    measured = {"volume", "trades", "signed_volume", "spread", "depth_imbalance", "order_flow"}
    columns: dict[str, Any] = {}
    for name in (*_PRICES, *measured):
        column = getattr(history, name)
        if column is not None:
            columns[name] = column.copy()
            columns[name][later] = prices[name] if name in prices else column[later[::-1] - len(later)]
    return replace(history, **columns)


def _failures(name: str, bars: Bars, differing: list[int], *, of: int, bars_held: Rows) -> Iterator[str]:
    if differing:
        yield (
            f"label {name} at {iso(bars.closed_at[differing[0]])} says that it is known {bars_held[differing[0]]} bars "
            f"after the entry, but changes with what comes after that ({len(differing)} of {of} recomputations differ)"
        )


def _fails(name: str, bars: Bars, row: int, error: str) -> str:
    return f"label {name} at {iso(bars.closed_at[row])} cannot be made from the bars up to its exit ({error})"
