"""Rows of forecasts made elsewhere -> decisions on a symbol's bars: which bar each is of, and which can be judged."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.config.judging import JudgeConfig
from forecast.config.model_registry import label
from forecast.evaluation.judging import decision_times
from forecast.evaluation.judging.foreign_forecasts import ForeignForecasts, probabilities
from forecast.trading.market_state import place
from pipelines.errors import BadFileError, ConfigError, RunError
from pipelines.market.calendars import session_of
from pipelines.market.times import utc, zoned
from pipelines.market.types import Bars, Floats
from pipelines.preprocessing.labels import Labels
from pipelines.preprocessing.walk_forward import FEWEST_ROWS

FEWEST = FEWEST_ROWS["test"]
_ROWS_A_FOLD = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Decisions:
    """Forecasts of one symbol on its bars.

    rows: model, seed, fold, bar, probability, one row a forecast, in the order of the file. first, last: the bars of
    the first and the last decision. counts: rows left out, and why. notes: how the rows were read. suspicions: what
    looks wrong, by model.
    """

    rows: pd.DataFrame
    counts: Mapping[str, int]
    notes: tuple[str, ...]
    suspicions: tuple[str, ...]

    @property
    def first(self) -> int:
        return int(self.rows["bar"].min())

    @property
    def last(self) -> int:
        return int(self.rows["bar"].max())


@dataclass(frozen=True, kw_only=True, eq=False)
class DecisionReader:
    """From rows of one symbol's forecasts to decisions on its bars."""

    prices: Bars
    outcomes: Labels
    closes: Mapping[str, Floats]
    config: JudgeConfig
    horizon: int

    def decisions(self, forecasts: ForeignForecasts, *, subject: str) -> Decisions:
        """The rows that can be judged: decided at a bar whose label is known, by every model and seed.

        Raises:
            BadFileError: rows that are no bar's, that come twice, or that leave gaps.
        """
        rows = forecasts.of(self.prices.symbol).reset_index(drop=True)
        if not len(rows):
            raise BadFileError(
                f"Expected {subject} of {self.prices.symbol}, got some of {', '.join(forecasts.symbols[:5])}. Name one "
                "of these."
            )
        notes: list[str] = []
        if forecasts.from_run:
            rows = self._of_own(rows)
            suspicions: list[str] = []
        else:
            rows, suspicions = self._of_foreign(rows, forecasts, notes)
        counts: dict[str, int] = {}
        if forecasts.ignored:
            notes.append(f"Columns that were not used: {', '.join(forecasts.ignored)[:200]}.")
        if self.config.trained_until is not None:
            day = np.datetime64(self.config.trained_until, "D")
            in_sample = session_of(self.prices.closed_at[rows["bar"].to_numpy()], self.prices.calendar) <= day
            rows, counts["in_sample"] = rows[~in_sample], int(in_sample.sum())
        pending = rows["bar"].to_numpy() >= len(self.outcomes)
        rows, counts["without_outcome"] = rows[~pending], int(pending.sum())
        if not len(rows):
            why = " and after --trained-until" if counts.get("in_sample") else ""
            raise BadFileError(
                f"Expected {subject} whose outcome is known{why}, got none for {self.prices.symbol}. Forecast earlier "
                "bars, or fetch newer ones."
            )
        self._refuse_duplicates(rows)
        rows, counts["not_common"] = _common(rows)
        rows, counts["gaps"] = self._without_gaps(rows, from_run=forecasts.from_run)
        if len(decided := rows["bar"].unique()) < FEWEST:
            raise BadFileError(
                f"Expected {FEWEST} decisions or more of {self.prices.symbol}, got {len(decided)}. Forecast more bars."
            )
        return Decisions(
            rows=rows.reset_index(drop=True),
            counts={name: count for name, count in counts.items() if count},
            notes=tuple(notes),
            suspicions=tuple(suspicions),
        )

    def earlier(self, validation: ForeignForecasts, *, tested: Decisions) -> pd.DataFrame:
        """Validation rows of each fold: those of its number, or all that are known before its first decision.

        Raises:
            BadFileError: other models or seeds than those tested, or a fold without rows.
        """
        read = replace(self, config=replace(self.config, trained_until=None))
        if validation.from_run or "fold" in validation.rows:
            parts = {int(str(fold)): replace(validation, rows=rows) for fold, rows in validation.rows.groupby("fold")}
        else:
            parts = dict.fromkeys(sorted(set(tested.rows["fold"])), validation)
        frames = []
        for fold, part in tested.rows.groupby("fold", sort=True):
            number, first = int(str(fold)), int(part["bar"].min())
            if number not in parts:
                raise BadFileError(f"Expected validation rows of every fold, got none of fold {number}. Add them.")
            rows = read.decisions(parts[number], subject="validation rows").rows
            leave = rows["bar"] + 1 + self.outcomes.held[rows["bar"]]
            late = self.prices.opened_at[leave] >= self.prices.closed_at[first]
            if ("fold" in validation.rows and late.any()) or late.all():
                raise BadFileError(
                    f"Expected validation rows whose outcome is known before the first forecast of fold {number}, got "
                    "later ones. Give earlier rows."
                )
            frames.append(rows[~late].assign(fold=number))
        validation_rows: pd.DataFrame = pd.concat(frames, ignore_index=True)
        members, validation_members = (
            set(zip(frame["model"], frame["seed"], strict=True)) for frame in (tested.rows, validation_rows)
        )
        if members != validation_members:
            raise BadFileError(
                f"Expected validation rows of the same models and seeds, got {_names(validation_members)} for "
                f"{_names(members)}."
            )
        return validation_rows

    def table(self, rows: pd.DataFrame | None) -> pd.DataFrame:
        """Decisions as predictions.parquet has them; an empty table for None."""
        if rows is None:
            rows = pd.DataFrame({"model": [], "fold": [], "seed": [], "bar": [], "probability": []}).astype(
                {"model": "str", "fold": "int64", "seed": "int64", "bar": "int64"}
            )
        bar = rows["bar"].to_numpy(np.int64)
        leave, target = bar + 1 + self.outcomes.held[bar], self.outcomes.target[bar]
        opens, opened = self.prices.open, self.prices.opened_at
        return pd.DataFrame(
            {
                "symbol": pd.Series([self.prices.symbol] * len(rows), dtype="str"),
                "model": pd.Series(rows["model"].to_numpy(), dtype="str"),
                "fold": rows["fold"].to_numpy(np.int64),
                "seed": rows["seed"].to_numpy(np.int64),
                "decided_at": zoned(self.prices.closed_at[bar]),
                "entry_at": zoned(opened[bar + 1]),
                "exit_at": zoned(opened[leave]),
                "probability": rows["probability"].to_numpy(np.float64),
                "target": target.astype(np.int8),
                "forward_return": opens[leave] / opens[bar + 1] - 1.0,
            }
        )

    def _of_own(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows of a predictions.parquet, which must be those of these bars to the last open."""
        if self.config.dated_by == "target" or self.config.decided_at != "close":
            raise ConfigError(
                "Expected predictions of a run to be dated by their decision, as decided_at is, got other options. "
                "Leave --dated-by and --decided-at out."
            )
        parts = []
        for (model, _), group in rows.groupby(["model", "seed"], sort=False):
            try:
                traded = place(self.prices.opened_at, utc(group["entry_at"]))
            except RunError as error:
                raise BadFileError(
                    f"Expected predictions that follow each other bar by bar on the bars of {self.prices.symbol}, got "
                    f"others of {label(str(model))}. Give the --interval, --bars, --start and --end of their run."
                ) from error
            parts.append(pd.Series(np.arange(traded.start - 1, traded.stop - 2), index=group.index))
        bar = pd.concat(parts).sort_index().to_numpy(np.int64)
        leave = np.searchsorted(self.prices.opened_at, utc(rows["exit_at"]))
        leave = np.minimum(leave, len(self.prices) - 1)
        opens = self.prices.open
        matching = bool(np.all(self.prices.opened_at[leave] == utc(rows["exit_at"])) and np.all(leave > bar))
        matching = matching and np.allclose(
            opens[leave] / opens[bar + 1] - 1.0, rows["forward_return"], rtol=0.0, atol=1e-9
        )
        if not matching or np.any(bar < 0) or not np.array_equal(self.prices.closed_at[bar], utc(rows["time"])):
            raise BadFileError(
                f"Expected predictions of the bars of {self.prices.symbol} in the store, got other times or returns. "
                "Judge them with the prices that they were made from."
            )
        judged = bar < len(self.outcomes)
        bars_held, expected = leave[judged] - bar[judged] - 1, self.outcomes.held[bar[judged]]
        if not np.array_equal(bars_held, expected):  # whoever may choose the exits afterwards is always right
            raise BadFileError(
                f"Expected predictions of the return over {self.horizon} bar{'s' * (self.horizon != 1)}, got some of "
                f"{np.min(bars_held)} to {np.max(bars_held)} bars. Give the --horizon of their run; its label must be "
                "one of a fixed horizon."
            )
        return rows[["model", "seed", "fold"]].assign(bar=bar, probability=rows["value"])

    def _of_foreign(
        self, rows: pd.DataFrame, forecasts: ForeignForecasts, notes: list[str]
    ) -> tuple[pd.DataFrame, list[str]]:
        if forecasts.cutoff:
            rows = _of_cutoffs(rows, horizon=self.horizon, kind=forecasts.values)
        times = decision_times.decision_bars(
            rows["time"], bars=self.prices, config=self.config, horizon=self.horizon, cutoff=forecasts.cutoff
        )
        values = rows["value"].to_numpy(np.float64)
        if forecasts.values == "price":
            values, base = decision_times.price_scores(values, bar=times.bar, closes=self.closes)
            notes.append(f"Forecast prices were measured against the closes {base} of the bars they were made at.")
        notes.append(_reading(times.reading, forecasts, self.config, horizon=self.horizon))
        suspicions = []
        for model in rows["model"].unique():
            of_model = (rows["model"] == model).to_numpy()
            part = replace(times, bar=times.bar[of_model], dated=times.dated[of_model])
            for text in decision_times.suspicions(
                values[of_model],
                part,
                bars=self.prices,
                horizon=self.horizon,
                config=self.config,
                cutoff=forecasts.cutoff,
            ):
                suspicions.append(f"Look at the dates of {label(model)}: {text}.")
        members = rows[["model", "seed", *(["fold"] if "fold" in rows else [])]]
        return members.assign(bar=times.bar, probability=probabilities(values, kind=forecasts.values)), suspicions

    def _refuse_duplicates(self, rows: pd.DataFrame) -> None:
        duplicated = rows.duplicated(["model", "seed", "bar"])
        if duplicated.any():
            first = rows[duplicated].iloc[0]
            raise BadFileError(
                f"Expected one forecast a model and bar, got several of {label(first['model'])} at "
                f"{self._day(first['bar'])}. "
                "Are they of two models, or of several trainings? Add a column model or seed."
            )

    def _without_gaps(self, rows: pd.DataFrame, *, from_run: bool) -> tuple[pd.DataFrame, int]:
        """Every member with a forecast at every bar from the first to the last one; how many had to be filled."""
        first, last = int(rows["bar"].min()), int(rows["bar"].max())
        members = rows.groupby(["model", "seed"], sort=False)
        length = last - first + 1
        missing = {key: length - len(group) for key, group in members if len(group) < length}
        if not missing:
            order = np.lexsort((rows["bar"], *_codes(rows)))
            return rows.iloc[order], 0
        if self.config.gaps != "hold" or from_run:
            (model, _), count = next(iter(missing.items()))
            forecast_bars = set(rows.loc[rows["model"] == model, "bar"])
            gap = next(bar for bar in range(first, last + 1) if bar not in forecast_bars)
            raise BadFileError(
                f"Expected a forecast at every bar from {self._day(first)} to {self._day(last)}, got none of "
                f"{label(str(model))} at {count} of {length}, first {self._day(gap)}. Forecast every bar, or say "
                "--gaps hold to keep the position there."
            )
        filled = []
        bars = np.arange(first, last + 1)
        folds = rows.groupby("bar")["fold"].first().reindex(bars).ffill().bfill() if "fold" in rows else None
        for (model, seed), group in members:
            complete = group.set_index("bar").reindex(bars).rename_axis("bar").reset_index()
            complete = complete.assign(
                model=str(model), seed=int(str(seed)), probability=complete["probability"].fillna(0.5)
            )
            if folds is not None:  # that of the other models, where they have a row
                complete["fold"] = folds.to_numpy(np.int64)
            filled.append(complete)
        return pd.concat(filled, ignore_index=True), sum(missing.values())

    def _day(self, bar: Any) -> str:
        text = str(np.datetime_as_string(self.prices.closed_at[int(bar)], unit="m"))
        return text[:10] if self.prices.interval in ("1d", "1wk", "1mo") else f"{text}Z"


def with_folds(rows: pd.DataFrame, *, folds: int) -> pd.DataFrame:
    """Rows with a fold that is the same for all models: the file's own, or blocks of equal length in time.

    Raises:
        BadFileError: folds that differ between models or do not follow each other in time.
    """
    bars = np.unique(rows["bar"])
    if "fold" not in rows:
        number = min(folds, max(1, len(bars) // _ROWS_A_FOLD))
        sizes = [len(block) for block in np.array_split(bars, number)]
        return rows.assign(fold=np.repeat(np.arange(number), sizes)[rows["bar"].to_numpy() - bars[0]])
    of = rows.groupby("bar")["fold"]
    if bool((of.min() != of.max()).any()) or bool((of.min().diff() < 0).any()):
        raise BadFileError(
            "Expected folds that follow each other in time and are the same for all models, got others. Number them "
            "so, or leave the column fold out."
        )
    return rows


def _common(rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """The rows from the latest first to the earliest last decision of any member, and how many were left out."""
    span = rows.groupby(["model", "seed"], sort=False)["bar"].agg(["min", "max"])
    first, last = int(span["min"].max()), int(span["max"].min())
    if first > last:
        raise BadFileError(
            f"Expected models with forecasts of a common time, got {label(span.index[0][0])} and others "
            "without. Judge them one by one."
        )
    inside = rows["bar"].between(first, last)
    return rows[inside], int((~inside).sum())


def _of_cutoffs(rows: pd.DataFrame, *, horizon: int, kind: str) -> pd.DataFrame:
    """One row a model and cutoff: the sum of forecast returns up to the horizon, or the price there."""
    rows = rows.sort_values("ahead", kind="stable")
    key = [name for name in ("model", "seed", "time") if name in rows]
    step = rows.groupby(key, sort=False).cumcount() + 1
    if kind not in ("score", "price"):
        return rows[step == 1]
    if kind == "price":
        selected = rows[step == horizon]
    else:
        selected = rows[step <= horizon]
        total = selected.groupby(key, sort=False)["value"].transform("sum")
        size = selected.groupby(key, sort=False)["value"].transform("size")
        selected = selected.assign(value=total)[(step[step <= horizon] == 1) & (size == horizon)]
    if not len(selected):
        raise BadFileError(f"Expected {horizon} forecast bars after each cutoff, got fewer. Lower --horizon.")
    return selected


def _reading(reading: str, forecasts: ForeignForecasts, config: JudgeConfig, *, horizon: int) -> str:
    """How times were read, for a person."""
    dating = {"day": "its session", "open": "the opening time of its bar", "close": "the closing time of its bar"}[
        reading
    ]
    if forecasts.cutoff:
        return f"Each forecast was taken as made at the close of its cutoff, {dating}, and filled at the next open."
    shift = config.shift(horizon=horizon)
    moment = "the close of that bar" if not shift else f"the close {abs(shift)} bar{'s' * (abs(shift) != 1)} "
    moment += "" if not shift else ("before it" if shift < 0 else "after it")
    return f"Each row was taken as dated by {dating}, made at {moment}, and filled at the next open."


def _codes(rows: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Keys of np.lexsort, which takes the last one first: models in the order of the file, then seeds."""
    return rows["seed"].to_numpy(np.int64), pd.factorize(rows["model"])[0].astype(np.int64)


def _names(members: set[tuple[str, int]]) -> str:
    return ", ".join(f"{label(model)} {seed}" for model, seed in sorted(members)[:6])
