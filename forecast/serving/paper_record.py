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
from forecast.statistics.drift import Drift, DriftReference, drift, reference
from forecast.statistics.performance import bar_returns
from forecast.trading.market_state import closing_calendar, conditions
from forecast.trading.signals import ENSEMBLE
from forecast.trading.simulator import Ledger, trade_all
from pipelines import user_code
from pipelines.market.types import Bars, Floats, Times
from pipelines.preprocessing import labels
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
    have been filled; missed: bars without a signal, over which the last position was held. net_return, hold_return: of
    the account and of holding, from the first fill to the newest open; None where no bar has been held yet. drift: hits
    and calibration of the signals whose outcome is known against expected, the backtest's; drifted_on: since when.
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
    decided = np.array([_moment(entry.decided_at) for entry in entries], dtype="datetime64[ns]")
    positions = np.array([entry.traded.position for entry in entries])
    first, last = int(np.searchsorted(prices.closed_at, decided[0])), len(prices) - 2
    if last - first < 1:
        return None
    rows = np.arange(first, last)  # filled at the next open, held to the one after it
    latest = np.searchsorted(decided, prices.closed_at[rows], side="right") - 1
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
    journalled = decided[latest] == prices.closed_at[rows]
    return PaperLedger(ledger=ledger, decided_at=prices.closed_at[rows], journalled=journalled)


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
        late=_late(entries, prices),
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
    if len(prices) < experiment.horizon + 2:
        return np.empty(0), np.empty(0), np.empty(0, dtype="datetime64[ns]")
    outcomes = labels.make(
        prices, kind=experiment.label, horizon=experiment.horizon, cost_bps=experiment.label_cost_bps,
        barrier_width=experiment.barrier_width, overnight=experiment.overnight,
    )  # fmt: skip
    decided = np.array([_moment(entry.decided_at) for entry in entries], dtype="datetime64[ns]")
    place = np.searchsorted(outcomes.decided_at, decided)
    inside = np.minimum(place, len(outcomes) - 1)
    comparable = outcomes.decided_at[inside] == decided
    comparable &= (outcomes.held[inside] > 0) | (outcomes.forward_return[inside] != 0)
    probability = np.array([entry.traded.probability for entry in entries])
    return probability[comparable], outcomes.target[inside[comparable]], decided[comparable]


def _late(entries: Sequence[JournalEntry], prices: Bars) -> int:
    """How many were recorded after the open at which they would have been filled."""
    count = 0
    for entry in entries:
        filled = int(np.searchsorted(prices.closed_at, _moment(entry.decided_at), side="right"))
        count += filled < len(prices) and bool(_moment(entry.recorded_at) > prices.opened_at[filled])
    return count


def _buy_and_hold_from(prices: Bars, moment: np.datetime64) -> float:
    first = int(np.searchsorted(prices.opened_at, moment))
    return float(prices.open[-1] / prices.open[first] - 1.0)


def _moment(text: str) -> np.datetime64:
    return np.datetime64(text.removesuffix("Z"), "ns")
