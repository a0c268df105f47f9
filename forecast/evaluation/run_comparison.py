"""Runs against each other: which settings differ, and what one earned more than another on the days they share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.config.significance import SIGNIFICANCE
from forecast.config.trading import current_names
from forecast.runs.run import Run
from forecast.statistics.comparisons import Answer, is_network
from forecast.statistics.inference import estimate_difference
from forecast.statistics.multiple_testing import holm
from forecast.statistics.performance import bar_returns
from forecast.trading.signals import ENSEMBLE
from forecast.trading.simulator import Ledger
from pipelines.errors import RunError
from pipelines.market.calendars import session_of
from pipelines.market.times import utc
from pipelines.market.types import Floats

Sessions = NDArray[np.datetime64]
Missing = Literal["no_common_days", "too_few_days", "same_returns"]


@dataclass(frozen=True, kw_only=True, eq=False)
class DailyAccount:
    """One network of a run, in one of its backtests: net returns summed over each session day.

    days: shape (days,). ensemble: shape (days,). seeds: shape (days, seeds); None for a single seed.
    """

    run: str
    backtest: str
    model: str
    days: Sessions
    ensemble: Floats
    seeds: Floats | None


@dataclass(frozen=True, kw_only=True)
class RunDifference:
    """Mean daily net return of a run's network less the reference's, on the days that both traded.

    low, high: the interval at `level`, which Holm's correction over all differences of one comparison chose, so that
    it excludes zero exactly where answer is not inconclusive. missing: why there is no interval.
    """

    run: str
    model: str
    reference: str
    reference_model: str
    days: int
    first: str = ""
    last: str = ""
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    minimum_detectable_effect: float | None = None
    answer: Answer = "inconclusive"
    missing: Missing | None = None


@dataclass(frozen=True, kw_only=True)
class ComparedRun:
    """One run in a comparison, with the backtest that stands for it."""

    run: Run
    backtest: str
    settings: Mapping[str, Any]
    metrics: Mapping[str, Any]
    accounts: tuple[DailyAccount, ...]


def open_compared(run: Run, *, backtest: str | None = None) -> ComparedRun:
    """A run and the backtest to compare it by: the newest where none is named.

    Raises:
        RunError: no such backtest, or a damaged file.
    """
    names = run.backtests()
    if not names:
        raise RunError(f"Expected a backtest of run {run.name}, got none. Make one: forecast backtest {run.name}.")
    name = names[-1] if backtest is None else backtest
    if name not in names:
        raise RunError(f"Expected a backtest of run {run.name} ({', '.join(names)}), got {name[:80]!r}.")
    about, saved = run.describe(), run.backtest(name)
    rules = {key: value for key, value in current_names(saved.config).items() if key != "chosen_bands"}
    return ComparedRun(
        run=run,
        backtest=name,
        settings={**about["config"], **rules, "bars used": about["data"].get("fingerprint", "")[:12]},
        metrics=saved.metrics,
        accounts=tuple(_accounts(run.name, name, saved.ledger, calendar=about["data"]["calendar"])),
    )


def differing(compared: Sequence[ComparedRun]) -> dict[str, list[Any]]:
    """setting -> its value in each run, for those that are not the same in all."""
    names = dict.fromkeys(name for run in compared for name in run.settings)
    values = {name: [run.settings.get(name) for run in compared] for name in names}
    return {name: row for name, row in values.items() if any(run != row[0] for run in row[1:])}


def differences(compared: Sequence[ComparedRun]) -> list[RunDifference]:
    """Each run after the first against the first: the networks that both have, or their first ones."""
    reference, *compared_runs = compared
    pairs = [pair for run in compared_runs for pair in _pairs(run, reference)]
    results = [_difference(account, reference_account) for account, reference_account in pairs]
    tested = [place for place, result in enumerate(results) if result.p_value is not None]
    steps = holm([float(results[place].p_value or 0.0) for place in tested], level=SIGNIFICANCE.level)
    for place, step in zip(tested, steps, strict=True):
        results[place] = _judged(results[place], *pairs[place], level=step.level, p_adjusted=step.p_adjusted)
    return results


def _accounts(run: str, backtest: str, ledger: pd.DataFrame, *, calendar: str) -> list[DailyAccount]:
    daily: dict[str, dict[str, tuple[Sessions, Floats]]] = {}
    for (model, member), rows in ledger.groupby(["model", "member"], sort=False):
        if is_network(str(model)):
            daily.setdefault(str(model), {})[str(member)] = _by_day(rows, calendar=calendar)
    return [
        DailyAccount(
            run=run, backtest=backtest, model=model, days=members[ENSEMBLE][0], ensemble=members[ENSEMBLE][1],
            seeds=np.stack(seeds, 1) if len(seeds) > 1 else None,
        )
        for model, members in daily.items()
        if ENSEMBLE in members
        for seeds in [[values for name, (_, values) in members.items() if name != ENSEMBLE]]
    ]  # fmt: skip


def _by_day(rows: pd.DataFrame, *, calendar: str) -> tuple[Sessions, Floats]:
    net, times = rows["net_return"].to_numpy(np.float64), utc(rows["time"])
    account = Ledger(
        symbol="", model="", member="", time=times, position=net, gross_return=net, cost=net, net_return=net
    )
    inside = times[:-1] + np.timedelta64(1, "ns")  # an open at midnight is the close of the day before
    days, row = np.unique(session_of(inside, calendar), return_inverse=True)
    return days, np.asarray(np.bincount(row, weights=bar_returns(account), minlength=len(days)), dtype=np.float64)


def _pairs(run: ComparedRun, reference: ComparedRun) -> list[tuple[DailyAccount, DailyAccount]]:
    of_model = {account.model: account for account in reference.accounts}
    common = [(account, of_model[account.model]) for account in run.accounts if account.model in of_model]
    return common or [(run.accounts[0], reference.accounts[0])] if run.accounts and reference.accounts else []


def _shared(account: DailyAccount, reference: DailyAccount) -> tuple[Sessions, DailyAccount, DailyAccount]:
    days, of_a, of_b = np.intersect1d(account.days, reference.days, return_indices=True)
    return days, _rows(account, of_a), _rows(reference, of_b)


def _rows(account: DailyAccount, rows: NDArray[np.intp]) -> DailyAccount:
    seeds = None if account.seeds is None else account.seeds[rows]
    return replace(account, days=account.days[rows], ensemble=account.ensemble[rows], seeds=seeds)


def _difference(account: DailyAccount, reference: DailyAccount) -> RunDifference:
    days, returns, reference_returns = _shared(account, reference)
    result = RunDifference(
        run=account.run, model=account.model, reference=reference.run, reference_model=reference.model, days=len(days)
    )
    if not len(days):
        return replace(result, missing="no_common_days")
    value = returns.ensemble - reference_returns.ensemble
    result = replace(result, first=str(days[0]), last=str(days[-1]), difference=float(value.mean()))
    if len(days) < SIGNIFICANCE.fewest:
        return replace(result, missing="too_few_days")
    if np.ptp(value) == 0.0:
        return replace(result, missing="same_returns")
    estimate = estimate_difference(
        returns.ensemble, reference_returns.ensemble, seeds_a=returns.seeds, seeds_b=reference_returns.seeds
    )
    return replace(result, p_value=estimate.p_value)


def _judged(
    result: RunDifference, account: DailyAccount, reference: DailyAccount, *, level: float, p_adjusted: float
) -> RunDifference:
    _, returns, reference_returns = _shared(account, reference)
    estimate = estimate_difference(
        returns.ensemble, reference_returns.ensemble, seeds_a=returns.seeds, seeds_b=reference_returns.seeds
    )
    low, high = estimate.interval(level)
    return replace(
        result, low=low, high=high, level=level, p_adjusted=p_adjusted,
        answer="better" if low > 0 else "worse" if high < 0 else "inconclusive",
        minimum_detectable_effect=estimate.minimum_detectable_effect(level=level, power=SIGNIFICANCE.power),
    )  # fmt: skip
