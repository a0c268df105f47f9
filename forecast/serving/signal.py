"""Today's signal: the newest window through the members of a run's last fold, decided and held as in its backtest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from forecast.compute.backend import versions
from forecast.config.trading import TradingConfig
from forecast.datasets.dataset import Source, make_bars, price_scale, with_room
from forecast.runs import tables
from forecast.runs.checkpoints import PROBABILITY_TOLERANCE
from forecast.runs.run import Run
from forecast.serving.loader import LoadedRun, late_covariates
from forecast.trading.market_state import closing_calendar
from forecast.trading.signals import ENSEMBLE
from forecast.trading.strategy import StrategyResult, accounts
from pipelines.errors import RunError, TooFewBarsError
from pipelines.market import calendars
from pipelines.market.times import moment_of, utc, zoned
from pipelines.market.types import Bars, Floats
from pipelines.preprocessing import features, windows
from pipelines.preprocessing.windows import Rows

SETTLED = np.timedelta64(30, "m")
"""A session counts as closed this long after its close: quotes come late."""

_CHECKED = 5  # decisions of the run that are made again, to see that nothing has changed


@dataclass(frozen=True, kw_only=True)
class Signal:
    """One network's signal. probability: mean over its members; members: each one's, shape (seeds,).

    position: what the rules hold from the next open on, -1 to 1, replayed from the run's first decision.
    """

    model: str
    signal: str
    probability: float
    members: tuple[float, ...]
    position: float


@dataclass(frozen=True, kw_only=True, repr=False)
class RunSignal:
    """The signals of a run at the close of the newest bar.

    price: as traded. bars_since_run: how many bars are newer than all that the run has seen. notes: what a person
    should know about them.
    """

    run: str
    symbol: str
    decided_at: np.datetime64
    price: float
    currency: str
    calendar: str
    bars_since_run: int
    rules: TradingConfig
    networks: tuple[Signal, ...]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        networks = ", ".join(
            f"{network.model} {network.signal} ({network.probability:.3f})" for network in self.networks
        )
        return f"{self.symbol} at the close of {np.datetime_as_string(self.decided_at, unit='m')} UTC: {networks}"

    def stale(self, now: np.datetime64) -> bool:
        """Whether the newest bar is of an earlier session than the last one that had closed half an hour ago."""
        session = calendars.session_of(np.array([self.decided_at]), self.calendar)[0]
        return bool(session < calendars.last_closed(self.calendar, now=now - SETTLED))


def rules_of(run: Run) -> TradingConfig:
    """The rules of the run's newest backtest, those of `forecast backtest` where it has none."""
    names = run.backtests()
    return TradingConfig.from_json(run.backtest_config(names[-1]) if names else {})


def outlook(
    loaded: LoadedRun,
    source: Source,
    *,
    rules: TradingConfig,
    newest: Mapping[str, Floats] | None = None,
    bars: int | None = None,
) -> RunSignal:
    """The signal at the close of the newest bar.

    newest: each network's probabilities there, shape (seeds,), where other members than the loaded ones made them.
    bars: look at so many bars only, as if the others had not come yet.

    Raises:
        TooFewBarsError: too little history for one window.
        RunError: networks that no longer give the probabilities that the run has stored.
    """
    run, experiment = loaded.run, loaded.experiment
    prices = make_bars(source, experiment)
    scale = price_scale(source, prices)
    prices = prices if bars is None else prices.rows(slice(bars))
    matrix = features.compute(prices, names=experiment.columns)
    end, first = len(prices) - 1, windows.first_end(matrix, steps=experiment.window)
    if first > end:
        raise TooFewBarsError(
            f"{experiment.symbol}: {len(prices)} bars since the run began are too few for one window of "
            f"{experiment.window}. Fetch more history."
        )
    past = _past(run, loaded, before=prices.closed_at[end])
    last = past["decided_at"].iloc[-1] if len(past) else run.bars()["closed_at"].iloc[0]
    since = max(int(np.searchsorted(prices.closed_at, moment_of(last), side="right")), first)
    first_checked = max(since - _CHECKED, first)
    ends = np.arange(min(first_checked, end), end + 1, dtype=np.int64)
    probabilities = loaded.ask(matrix, ends)
    notes = _unchanged(loaded, past, probabilities, prices, ends)
    for model, probability in (newest or {}).items():
        probabilities[model][:, -1] = probability
    result = _accounts(loaded, past, probabilities, prices, ends=ends[ends >= since], rules=rules)
    return RunSignal(
        run=run.name,
        symbol=experiment.symbol,
        decided_at=prices.closed_at[end],
        price=float(prices.close[end] * scale),
        currency=prices.currency,
        calendar=prices.calendar,
        bars_since_run=int(np.sum(prices.closed_at > moment_of(pd.Timestamp(loaded.described["data"]["last"])))),
        rules=rules,
        networks=tuple(
            _today(result, model, member_probabilities[:, -1]) for model, member_probabilities in probabilities.items()
        ),
        notes=(
            *notes,
            *late_covariates(source.covariates, experiment, decided_at=prices.closed_at[end]),
            *_unverified(loaded),
        ),
    )


def _unverified(loaded: LoadedRun) -> tuple[str, ...]:
    reason = loaded.integrity.reason
    return (f"Not verified: {reason}.",) if reason else ()


def _accounts(
    loaded: LoadedRun,
    past: pd.DataFrame,
    probabilities: Mapping[str, Floats],
    prices: Bars,
    *,
    ends: Rows,
    rules: TradingConfig,
) -> StrategyResult:
    """The run's decisions and those at `ends` as the backtest trades them, the newest filled at its own close.

    probabilities: probabilities of each network, shape (seeds, decisions), the last of them those at `ends`.
    """
    room = with_room(prices, bars=2)  # to hold what is bought now for a bar
    bars = tables.bars(room)
    bars.loc[bars.index[-2:], "volume"] = prices.volume.max()
    fold = loaded.members[0].task[1]
    times = {"decided_at": room.closed_at[ends], "entry_at": room.opened_at[ends + 1]}
    columns = {name: zoned(times) for name, times in times.items()}
    fresh = [
        pd.DataFrame({"symbol": prices.symbol, "model": model, "fold": fold, "seed": seed, **columns,
                      "exit_at": columns["entry_at"], "probability": row[-len(ends):], "target": 0,
                      "forward_return": 0.0})
        for model, member_probabilities in probabilities.items()
        for seed, row in enumerate(member_probabilities)
    ]  # fmt: skip
    return accounts(
        pd.concat([past, *fresh], ignore_index=True),
        bars,
        rules=rules,
        validation=_network_rows(loaded, loaded.run.validation()) if rules.learns else None,
        bars_per_year=loaded.described["data"]["bars_per_year"],
        closes_with=closing_calendar(loaded.described),
    )


def _today(result: StrategyResult, model: str, newest: Floats) -> Signal:
    row = result.members.names.index((model, ENSEMBLE))
    return Signal(
        model=model,
        signal=str(result.signals[row, -1]),
        probability=float(result.probability[row, -1]),
        members=tuple(float(probability) for probability in newest),
        position=float(result.ledgers[row].position[-2]),  # the last row closes what is held
    )


def _past(run: Run, loaded: LoadedRun, *, before: np.datetime64) -> pd.DataFrame:
    """The run's own decisions of its networks before that time."""
    rows = _network_rows(loaded, run.predictions())
    past: pd.DataFrame = rows[rows["decided_at"].dt.tz_convert(None) < before]
    return past


def _network_rows(loaded: LoadedRun, rows: pd.DataFrame) -> pd.DataFrame:
    """Those of the run's networks, without the baselines."""
    network_rows: pd.DataFrame = rows[rows["model"].isin(loaded.experiment.models)]
    return network_rows


def _unchanged(
    loaded: LoadedRun, past: pd.DataFrame, probabilities: Mapping[str, Floats], prices: Bars, ends: Any
) -> tuple[str, ...]:
    """Notes where the run's last decisions, made again, have other digits.

    Raises:
        RunError: they are other ones, although the prices are the same.
    """
    fold, apart = loaded.members[0].task[1], 0.0
    at = prices.closed_at[ends]
    times, count = np.unique(at, return_counts=True)
    alone = times[count == 1]  # bars of trades can close at one time: then a time does not say which
    for model, member_probabilities in probabilities.items():
        for seed, recomputed in enumerate(member_probabilities):
            recorded = past[(past["model"] == model) & (past["fold"] == fold) & (past["seed"] == seed)].tail(_CHECKED)
            decided = utc(recorded["decided_at"])
            place = np.searchsorted(at, decided)
            present = np.isin(decided, alone)
            if present.any():
                difference = np.abs(recomputed[place[present]] - recorded["probability"].to_numpy()[present])
                apart = max(apart, float(difference.max()))
    if apart == 0.0:
        return ()
    if changed := _changed(loaded.run, prices):
        return (f"{changed} of the bars that the run learned from are others in the store now. Train it again.",)
    recorded_versions, current = loaded.described["versions"], versions(loaded.described.get("backend", "tensorflow"))
    differing = ", ".join(
        f"{name} {current.get(name)} instead of {version}"
        for name, version in recorded_versions.items()
        if current.get(name) != version
    )
    if apart > PROBABILITY_TOLERANCE:
        raise RunError(
            f"The networks of run {loaded.run.name} no longer give the probabilities that it stored "
            f"({differing or 'the same versions'}). Train it again: forecast train {loaded.experiment.symbol} "
            "--overwrite."
        )
    return (f"Probabilities differ from the run's by up to {apart:.0e}: {differing or 'another machine'}.",)


def _changed(run: Run, prices: Bars) -> int:
    """How many bars of the run are not in the store, or with another price or volume."""
    frame = run.bars()
    count = min(len(frame), len(prices))
    unchanged = utc(frame["opened_at"])[:count] == prices.opened_at[:count]
    for name in ("open", "high", "low", "close", "volume"):
        unchanged &= frame[name].to_numpy()[:count] == getattr(prices, name)[:count]
    return int(np.count_nonzero(~unchanged))
