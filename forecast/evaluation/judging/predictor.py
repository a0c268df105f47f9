"""A person's predictor, `module:function`: bars up to now -> the probability of the next, asked and audited.

It is asked in a process of its own, and a second time, in a fresh one, for histories that end early: an answer that
needed a later bar, or that depends on what was asked before, does not come out the same. One that answers for a whole
history at once is asked again for every bar, unless that takes long: then where leaks hide, and at random.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from forecast.datasets.audit_cuts import telling_rows, unusual_rows
from forecast.evaluation.judging import predictor_process
from pipelines import user_code
from pipelines.errors import ConfigError
from pipelines.market.times import zoned
from pipelines.market.types import Bars, Floats
from pipelines.preprocessing.isolated_process import Part, ask_process, stretches
from pipelines.preprocessing.windows import Rows

LIMIT = 3600.0  # seconds for all answers of one predictor
CUTS = 80
BUDGET = 20.0  # seconds of work of asking one again that answers for whole histories
_CALL = 2e-3  # seconds that a call takes besides
_OTHER = 12
_TOLERANCE = 1e-9
_COLUMNS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictorAnswers:
    """What a predictor answered, and what asking it again showed.

    name: `module:function`. bar: at whose close each answer was asked for, values: the answers, shape (bars,).
    vectorised: whether it answered for a whole history at once. sha256: of its files. cuts: histories on which it was
    asked again. unverifiable: what asking again cannot show, a line each.
    """

    name: str
    bar: Rows
    values: Floats
    vectorised: bool
    sha256: str
    cuts: int
    unverifiable: tuple[str, ...]

    @property
    def model(self) -> str:
        """What its forecasts are called: "rule" of `my_rules:rule`."""
        return user_code.short_name(self.name)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready, without the answers."""
        return {
            "predictor": self.name, "sha256": self.sha256, "asked": len(self.bar), "asked_again": self.cuts,
            "vectorised": self.vectorised,
        }  # fmt: skip

    def rows(self, bars: Bars) -> pd.DataFrame:
        """The answers as rows of forecasts."""
        times = zoned(bars.closed_at[self.bar])
        return pd.DataFrame({"time": times, "model": self.model, "value": self.values})


def ask(
    name: str, bars: Bars, *, rows: Rows, rng: np.random.Generator, seconds: float = user_code.LONGEST_CALL
) -> PredictorAnswers:
    """Asks a predictor for a forecast at the close of each of these bars, and audits it.

    Parameters
    ----------
    name
        `module:function`, of the current directory or installed.
    bars
        The whole history.
    rows
        The bars at whose close it is asked, ascending.
    rng
        Draws the bars at which it is asked again.
    seconds
        That one answer may take.

    Raises
    ------
    ConfigError
        It cannot be imported, fails, takes too long, answers with something else, or looks ahead.
    """
    digest = user_code.sources([name], what=predictor_process.WHAT)[name]
    first = _ask(name, bars, rows, vectorised=True, seconds=seconds)
    values, vectorised = np.array(first["values"], dtype=np.float64), bool(first["vectorised"])
    if not np.all(np.isfinite(values)):
        row = int(rows[int(np.argmin(np.isfinite(values)))])
        raise ConfigError(
            f"Predictor {name}: expected a number at every bar, got {values[np.searchsorted(rows, row)]} at "
            f"{_day(bars, row)}, after {row + 1} bars. Ask it of later bars (--start) or return 0.5 there."
        )
    places = _places(bars, rows, values, rng=rng, seconds=first.get("seconds"))
    truncated = _ask(name, bars, rows[places], vectorised=False, seconds=seconds)
    differs = np.abs(np.array(truncated["values"], dtype=np.float64) - values[places]) > _TOLERANCE
    if np.any(differs | ~np.isfinite(np.array(truncated["values"], dtype=np.float64))):
        row = int(rows[places[int(np.argmax(differs))]])
        why = (
            "it looks ahead: let the answer for a bar depend on bars up to it only"
            if vectorised
            else "it depends on what it was asked before, or on chance: let it depend on the bars it is given only"
        )
        raise ConfigError(
            f"Predictor {name}: expected the same answer at {_day(bars, row)} when it is asked again with the later "
            f"bars cut off in a fresh process, got another at {int(differs.sum())} of {len(places)} bars; {why}."
        )
    access = tuple(dict.fromkeys([*first["access"], *truncated["access"]]))
    return PredictorAnswers(
        name=name,
        bar=rows,
        values=values,
        vectorised=vectorised,
        sha256=digest,
        cuts=len(places),
        unverifiable=(
            *(f"predictor {name} {entry}" for entry in access),
            *_without_prices(name, bars, rows, values, places, rng=rng, seconds=seconds),
        ),
    )


def _places(
    bars: Bars, rows: Rows, values: Floats, *, rng: np.random.Generator, seconds: float | None
) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Which of the rows it is asked again for. seconds: of one answer for the whole history, None where it gives none.

    Asked bar by bar it had nothing of the future, and only what it remembers can show.
    """
    sampled = rng.choice(len(rows), size=min(CUTS, len(rows)), replace=False)
    certain = np.unique(np.concatenate([sampled, [len(rows) - 1], np.arange(min(5, len(rows)))]))
    if seconds is None:
        return certain.astype(np.int64)
    most = int(BUDGET / (seconds + _CALL))
    if most >= len(rows):
        return np.arange(len(rows))
    telling = np.flatnonzero(np.isin(rows, telling_rows(bars, first=int(rows[0]), rng=rng, events=None)))
    more = np.setdiff1d(np.union1d(telling, unusual_rows(values, number=12, first=0, rng=rng)), certain)
    more = rng.choice(more, size=max(0, min(len(more), most - len(certain))), replace=False)
    return np.union1d(certain, more).astype(np.int64)


def _without_prices(
    name: str, bars: Bars, rows: Rows, values: Floats, places: Rows, *, rng: np.random.Generator, seconds: float
) -> list[str]:
    """Whether it answers alike when all prices are others: then its answers come from the dates, or from elsewhere."""
    if np.ptp(values) == 0.0:
        return []
    chosen = places[np.linspace(0, len(places) - 1, min(_OTHER, len(places))).astype(int)]
    chosen = np.unique(chosen)
    order = rng.permutation(len(bars) - 1)
    factor = np.exp(np.append(0.0, np.cumsum(np.diff(np.log(bars.close))[order]))) * bars.close[0] / bars.close
    scaled = {column: getattr(bars, column) * (factor if column != "volume" else 1.0) for column in _COLUMNS}
    try:
        scaled_answer = _ask(name, bars, rows[chosen], vectorised=False, seconds=seconds, columns=scaled)
    except ConfigError as error:
        return [f"predictor {name} fails on a history with other prices ({error})"]
    answers = np.array(scaled_answer["values"], dtype=np.float64)
    alike = np.allclose(answers, values[chosen], rtol=0.0, atol=_TOLERANCE)
    if len(chosen) > 2 and np.ptp(values[chosen]) > 0.0 and alike:
        return [f"predictor {name} gives the same answers for other prices: they come from the dates alone, or a file"]
    return []


def _ask(
    name: str, bars: Bars, rows: Rows, *, vectorised: bool, seconds: float, columns: Mapping[str, Floats] | None = None
) -> dict[str, Any]:
    """What a fresh process answers for these bars."""
    arrays: dict[str, Any] = dict(columns or {column: getattr(bars, column) for column in _COLUMNS})
    arrays["closed_at"] = bars.closed_at
    request = {"name": name, "rows": len(rows), "vectorised": vectorised, "limit": LIMIT, "seconds": seconds}
    parts: list[Part] = [({}, stretch) for stretch in stretches(arrays, rows.tolist())]
    limit = LIMIT + 2 * user_code.LONGEST_CALL
    answer = ask_process(predictor_process.__name__, request, parts, limit=limit)
    message: dict[str, Any] = {}
    for part in answer.messages:
        message |= part
    answer.refuse(message, f"Predictor {name}", hint="Let it neither exit nor run for hours.")
    return message


def _day(bars: Bars, row: int) -> str:
    return str(np.datetime_as_string(bars.closed_at[row], unit="D" if bars.interval == "1d" else "m"))
