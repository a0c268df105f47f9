"""What came of the signals that were given: positions from the journal, prices from the store, costs paid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.config.experiment import Experiment
from forecast.config.trading import TradingConfig
from forecast.datasets.dataset import make_bars
from forecast.evaluation.backtest import traded_accounts
from forecast.runs import tables
from forecast.runs.run import Run
from forecast.serving.journal import JournalEntry
from forecast.serving.loader import open_experiment, source_now
from forecast.serving.signal import SETTLED
from forecast.statistics.drift import Drift, DriftReference, drift, reference
from forecast.statistics.performance import bar_returns
from forecast.trading.market_state import closing_calendar, conditions
from forecast.trading.signals import ENSEMBLE
from forecast.trading.simulator import Ledger, trade_all
from pipelines import user_code
from pipelines.market.types import Bars, Floats, Times
from pipelines.preprocessing import labels
from pipelines.preprocessing.windows import Rows
from pipelines.store.store import Store

PAPER = "paper"
"""The member of a paper ledger."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PaperLedger:
    """The account that follows a run's signals, with the rows of a backtest's ledger.

    decided_at: the close before each row's open. journalled: False where no signal was given and the last position was
    kept. Both of shape (bars - 1,): the ledger's last row closes what is held.
    """

    ledger: Ledger
    decided_at: Times
    journalled: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class PaperRecord:
    """A live run's record since its first signal.

    since: the first bar that was decided on. given: signals; late: those recorded after the open at which they would
    have been filled, which are filled at the next one; missed: bars without a signal, over which the last position was
    held. net_return, hold_return: of the account and of holding, from the first fill to the newest open; None where no
    bar has been held yet. drift: hits and calibration of the signals whose outcome is known against expected, the
    backtest's; drifted_on: since when.
    """

    run: str
    symbol: str
    model: str
    since: str
    given: int
    late: int
    missed: int
    net_return: float | None
    hold_return: float | None
    expected: DriftReference
    drift: Drift
    drifted_on: str | None


def paper_ledger(
    entries: Sequence[JournalEntry], prices: Bars, *, rules: TradingConfig, described: Mapping[str, Any]
) -> PaperLedger | None:
    """The account from the first fill on; None where no bar has been held since.

    entries: of one run, in order of their bars. prices: its bars, adjusted as the run's. described: run.json.
    """
    decided, recorded = _moments(entries)
    positions = np.array([entry.traded.position for entry in entries])
    fills, _ = fill_bars(decided, recorded, prices)
    first, last = int(fills[0]) - 1, len(prices) - 2
    if last - first < 1:
        return None
    rows = np.arange(first, last)  # filled at the next open, held to the one after it
    latest = np.searchsorted(fills, rows + 1, side="right") - 1
    state = conditions(
        tables.bars(prices), rules=rules, bars_per_year=described["data"]["bars_per_year"],
        closes_with=closing_calendar(described),
    ).rows(slice(first + 1, last + 2))  # fmt: skip
    (ledger,) = trade_all(
        state.held_to_the_end(positions[latest])[None],
        symbol=prices.symbol,
        names=[(entries[-1].model, PAPER)],
        opened_at=state.opened_at,
        opens=state.opens,
        costs=rules.costs,
        spread=state.spread,
        tradable=state.tradable,
    )
    journalled = np.isin(prices.closed_at[rows], decided)
    return PaperLedger(ledger=ledger, decided_at=prices.closed_at[rows], journalled=journalled)


def fill_bars(decided: Times, recorded: Times, prices: Bars) -> tuple[Rows, NDArray[np.bool_]]:
    """The bar at whose open each signal is filled, len(prices) where it has not come yet, and which ones are late.

    decided: the closes, ascending; recorded: when the signals were given; shape (signals,). The next open, or, where a
    signal came after it, the first one that it could reach. Where a bar opens at the very close before it, a signal has
    as long as prices take to settle, or the bar where that is shorter.
    """
    following = np.searchsorted(prices.closed_at, decided, side="right")
    bar = np.minimum(following, len(prices) - 1)
    opened = prices.opened_at[bar]
    patience = np.where(opened > decided, np.timedelta64(0, "ns"), np.minimum(SETTLED, prices.closed_at[bar] - opened))
    late = (following < len(prices)) & (recorded > opened + patience)
    fills = np.where(late, np.searchsorted(prices.opened_at, recorded), following)
    return np.maximum.accumulate(fills), late


def record_so_far(run: Run, entries: Sequence[JournalEntry], store: Store, *, rules: TradingConfig) -> PaperRecord:
    """The record of a live run at the prices that the store has; see paper_record."""
    _, experiment = open_experiment(run)
    prices = make_bars(source_now(run, experiment, store), experiment)
    return paper_record(run, experiment, entries, prices, rules=rules)


def paper_record(
    run: Run, experiment: Experiment, entries: Sequence[JournalEntry], prices: Bars, *, rules: TradingConfig
) -> PaperRecord:
    """The record of a live run. entries: its own in the journal, at least one, in order of their bars."""
    described, model = run.describe(), entries[-1].model
    account = paper_ledger(entries, prices, rules=rules, described=described)
    user_code.check_sources([experiment.label], described.get("user_code", {}))
    probability, outcome, days = _scored(entries, prices, experiment)
    expected = backtest_reference(run, model, horizon=experiment.horizon, rules=rules)
    compared = drift(probability, outcome, expected=expected, horizon=experiment.horizon)
    fired = compared.fired
    return PaperRecord(
        run=run.name,
        symbol=entries[0].symbol,
        model=model,
        since=entries[0].decided_at,
        given=len(entries),
        late=int(np.count_nonzero(fill_bars(*_moments(entries), prices)[1])),
        missed=0 if account is None else int(np.count_nonzero(~account.journalled)),
        net_return=None if account is None else float(np.prod(1.0 + bar_returns(account.ledger)) - 1.0),
        hold_return=None if account is None else float(_buy_and_hold_from(prices, account.ledger.time[0])),
        expected=expected,
        drift=compared,
        drifted_on=None if fired is None else f"{np.datetime_as_string(days[fired], unit='s')}Z",
    )


def backtest_reference(run: Run, model: str, *, horizon: int, rules: TradingConfig) -> DriftReference:
    """The hit rate and calibration of a network's mean probability in the run's own out-of-sample rows.

    Recalibrated as the rules ask for, as a signal that is given is.
    """
    result = traded_accounts(run, rules=rules)
    decided = (result.members.exit_at > result.members.entry_at) | (result.members.forward_return != 0)
    probability = result.probability[result.members.names.index((model, ENSEMBLE))]
    return reference(probability[decided], result.members.target[decided], horizon=horizon)


def _scored(entries: Sequence[JournalEntry], prices: Bars, experiment: Experiment) -> tuple[Floats, Floats, Times]:
    """Probabilities, outcomes and decisions of the signals whose outcome is known, as the run's labels have them."""
    probability = np.array([entry.traded.probability for entry in entries])
    probability, target, _, decided = known_outcomes(probability, _moments(entries)[0], prices, experiment)
    return probability, target, decided


def known_outcomes(
    probability: Floats, decided: Times, prices: Bars, experiment: Experiment
) -> tuple[Floats, Floats, Floats, Times]:
    """Of the signals whose outcome is known: probability, target, return and decision, shape (signals,) each."""
    if len(prices) < experiment.horizon + 2:
        return np.empty(0), np.empty(0), np.empty(0), np.empty(0, dtype="datetime64[ns]")
    outcomes = labels.make(
        prices, kind=experiment.label, horizon=experiment.horizon, cost_bps=experiment.label_cost_bps,
        barrier_width=experiment.barrier_width, overnight=experiment.overnight,
    )  # fmt: skip
    place = np.searchsorted(outcomes.decided_at, decided)
    inside = np.minimum(place, len(outcomes) - 1)
    comparable = outcomes.decided_at[inside] == decided
    comparable &= (outcomes.held[inside] > 0) | (outcomes.forward_return[inside] != 0)
    scored = inside[comparable]
    return probability[comparable], outcomes.target[scored], outcomes.forward_return[scored], decided[comparable]


def _moments(entries: Sequence[JournalEntry]) -> tuple[Times, Times]:
    """When entries decided and when they were recorded."""
    columns = ([moment(getattr(entry, name)) for entry in entries] for name in ("decided_at", "recorded_at"))
    decided, recorded = (np.array(column, dtype="datetime64[ns]") for column in columns)
    return decided, recorded


def _buy_and_hold_from(prices: Bars, moment: np.datetime64) -> float:
    first = int(np.searchsorted(prices.opened_at, moment))
    return float(prices.open[-1] / prices.open[first] - 1.0)


def moment(text: str) -> np.datetime64:
    """A time as the journal has it."""
    return np.datetime64(text.removesuffix("Z"), "ns")
