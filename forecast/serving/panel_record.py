"""What came of the rankings that a panel gave: shares from the journal, prices from the store, one account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.experiment import Experiment
from forecast.config.trading import TradingConfig
from forecast.evaluation.panel.calibration import calibration_maps, recalibrated
from forecast.evaluation.panel.rows import panel_rows
from forecast.evaluation.panel.shares import PanelAllocator
from forecast.runs import tables
from forecast.runs.integrity import open_trained
from forecast.runs.run import Run
from forecast.serving.journal import JournalEntry
from forecast.serving.panel_signal import newest_bars
from forecast.serving.paper_record import PAPER, PaperLedger, PaperRecord, fill_bars, known_outcomes, moment
from forecast.statistics.drift import DriftReference, drift, reference
from forecast.statistics.performance import bar_returns
from forecast.trading.panel_account import panel_market, trade_panel
from forecast.trading.panel_shares import account_shares
from forecast.trading.signals import ENSEMBLE
from pipelines import user_code
from pipelines.errors import RunError
from pipelines.market.types import Bars, Floats, Times
from pipelines.preprocessing import labels
from pipelines.preprocessing.choices import ACROSS_SYMBOLS
from pipelines.preprocessing.windows import Rows
from pipelines.store.store import Store


def panel_record_so_far(
    run: Run, entries: Sequence[JournalEntry], store: Store, *, rules: TradingConfig
) -> PaperRecord:
    """The record of a live panel at the prices that the store has; see panel_record."""
    experiment = open_trained(run).ongoing
    return panel_record(run, experiment, entries, newest_bars(run, experiment, store).prices, rules=rules)


def panel_record(
    run: Run, experiment: Experiment, entries: Sequence[JournalEntry], prices: Mapping[str, Bars], *,
    rules: TradingConfig,
) -> PaperRecord:  # fmt: skip
    """The record of a live panel. entries: its rankings in the journal, at least one, in order of their bars.

    Held beside it: the same amount of every name that was ranked. Drift: the mean over the names of each day.
    """
    described, model = run.describe(), entries[-1].model
    user_code.check_sources([experiment.label], described.get("user_code", {}))
    fills_of = _fills(entries, prices)
    account = _account(fills_of, prices, rules=rules, described=described, model=model)
    expected = panel_reference(run, model, horizon=experiment.horizon, rules=rules)
    probability, outcome, moments = _scored(entries, prices, experiment)
    days, day = np.unique(moments, return_inverse=True)
    compared = drift(probability, outcome, expected=expected, horizon=experiment.horizon, day=day)
    fired = compared.fired
    return PaperRecord(
        run=run.name,
        symbol=run.symbol,
        model=model,
        since=entries[0].decided_at,
        given=len(entries),
        late=len({number for symbol in fills_of.values() for number in symbol.late}),
        missed=0 if account is None else account.missed,
        net_return=None if account is None else float(np.prod(1.0 + bar_returns(account.paper.ledger)) - 1.0),
        hold_return=None if account is None else account.hold_return,
        expected=expected,
        drift=compared,
        drifted_on=None if fired is None else f"{np.datetime_as_string(days[fired], unit='s')}Z",
    )


def panel_ledger(
    entries: Sequence[JournalEntry], prices: Mapping[str, Bars], *, rules: TradingConfig, described: Mapping[str, Any]
) -> PaperLedger | None:
    """The account from the first fill on, with the rows of a backtest's ledger; None where no bar has been held since.

    prices: of every symbol that was ranked, adjusted as the run's.
    """
    fills_of = _fills(entries, prices)
    account = _account(fills_of, prices, rules=rules, described=described, model=entries[-1].model)
    return None if account is None else account.paper


def panel_reference(run: Run, model: str, *, horizon: int, rules: TradingConfig) -> DriftReference:
    """The hit rate and calibration of a network's mean probability, by day, in the run's own out-of-sample rows.

    Recalibrated as the rules ask for, as a ranking that is given is.
    """
    maps = calibration_maps(run.validation(), kind=rules.calibration)
    rows = recalibrated(panel_rows(run.predictions()), maps)
    return reference(rows.probability[model, ENSEMBLE], rows.target, horizon=horizon, day=rows.moment)


@dataclass(frozen=True, kw_only=True, eq=False)
class _GivenShares:
    """What a symbol was given. bars: the bar at whose open each share is filled; both shape (fills,), bars increasing.

    decided_at: the closes of all its signals. late: numbers of the entries that came after the open at which they would
    have been filled.
    """

    bars: Rows
    share: Floats
    decided_at: Times
    late: tuple[int, ...]


def _fills(entries: Sequence[JournalEntry], prices: Mapping[str, Bars]) -> dict[str, _GivenShares]:
    """What was given of each symbol. One that is named no more keeps what it has, unless it is said to have left.

    Raises:
        RunError: the store has no prices of a symbol that was ranked.
    """
    signals: dict[str, list[tuple[int, np.datetime64, float]]] = {}
    calendar_of: dict[str, str] = {symbol: bars.calendar for symbol, bars in prices.items()}
    for number, entry in enumerate(entries):
        closes: dict[str, np.datetime64] = {}
        for name in entry.names:
            if name.symbol not in prices:
                raise RunError(f"Expected prices of {name.symbol}, which was ranked, in the store. Fetch it again.")
            closes[calendar_of[name.symbol]] = close = moment(name.decided_at)
            signals.setdefault(name.symbol, []).append((number, close, name.traded(entry.model).position))
        for symbol in entry.left:
            if symbol in signals and calendar_of[symbol] in closes:
                signals[symbol].append((number, closes[calendar_of[symbol]], 0.0))
    fills_of = {}
    for symbol, symbol_signals in signals.items():
        numbers = np.array([number for number, _, _ in symbol_signals])
        decided = np.array([close for _, close, _ in symbol_signals], dtype="datetime64[ns]")
        share = np.array([share for _, _, share in symbol_signals])
        recorded = np.array([moment(entries[number].recorded_at) for number in numbers], dtype="datetime64[ns]")
        first = np.append(True, decided[1:] > decided[:-1])  # asked again at the same close, the first answer stands
        numbers, decided, share, recorded = (array[first] for array in (numbers, decided, share, recorded))
        fills, late = fill_bars(decided, recorded, prices[symbol])
        last = np.append(fills[1:] != fills[:-1], True)
        fills_of[symbol] = _GivenShares(
            bars=fills[last], share=share[last], decided_at=decided, late=tuple(numbers[late].tolist())
        )
    return fills_of


@dataclass(frozen=True, kw_only=True, eq=False)
class _Account:
    """missed: closes without a ranking. hold_return: of as much of every name, without costs."""

    paper: PaperLedger
    missed: int
    hold_return: float


def _account(
    fills_of: Mapping[str, _GivenShares],
    prices: Mapping[str, Bars],
    *,
    rules: TradingConfig,
    described: Mapping[str, Any],
    model: str,
) -> _Account | None:
    symbols, entry_at, decided_at, shares = [], [], [], []
    for name, signals in fills_of.items():
        bars = prices[name]
        bar = np.arange(signals.bars[0], len(bars) - 1)  # filled at the open of each, held to the next
        symbols.append(np.full(len(bar), name, dtype=object))
        entry_at.append(bars.opened_at[bar])
        decided_at.append(bars.closed_at[bar - 1])
        shares.append(signals.share[np.searchsorted(signals.bars, bar, side="right") - 1])
    symbol, entered, decided = (np.concatenate(parts) for parts in (symbols, entry_at, decided_at))
    if not len(symbol):
        return None
    frame = pd.concat([tables.bars(prices[name]) for name in fills_of], ignore_index=True)
    allocator = PanelAllocator.of_bars(frame, rules=rules, described=described)
    market = panel_market(allocator.states, symbol=symbol, entry_at=entered)
    order = np.argsort(decided, kind="stable")
    equal = np.empty(len(symbol))
    equal[order] = account_shares(symbol[order], decided[order], closes=allocator.closes)
    of_account = partial(
        trade_panel, market=market, title=str(described["config"]["symbol"]), model=model, member=PAPER
    )
    ledger = of_account(np.concatenate(shares), costs=rules.costs).ledger
    followed = np.isin(decided, np.concatenate([signals.decided_at for signals in fills_of.values()]))
    journalled = np.zeros(len(market.time) - 1, dtype=np.bool_)
    journalled[market.entry[followed]] = True
    closes = np.unique(decided)
    return _Account(
        paper=PaperLedger(
            ledger=ledger,
            decided_at=closes[np.searchsorted(closes, market.time[:-1], side="right") - 1],
            journalled=journalled,
        ),
        missed=len(np.unique(decided[~followed])),
        hold_return=float(np.prod(1.0 + of_account(equal, costs=rules.costs).ledger.gross_return) - 1.0),
    )


def _scored(
    entries: Sequence[JournalEntry], prices: Mapping[str, Bars], experiment: Experiment
) -> tuple[Floats, Floats, Times]:
    """Probabilities, outcomes and decisions of the names whose outcome is known, as the run's labels have them."""
    probabilities: dict[str, dict[np.datetime64, float]] = {}
    for entry in entries:
        for name in entry.names:
            probabilities.setdefault(name.symbol, {}).setdefault(
                moment(name.decided_at), name.traded(entry.model).probability
            )
    scored = [
        known_outcomes(np.array(list(of_symbol.values())), np.array(list(of_symbol), dtype="datetime64[ns]"),
                       prices[symbol], experiment)
        for symbol, of_symbol in probabilities.items()
    ]  # fmt: skip
    probability, target, forward_return, decided = (np.concatenate(parts) for parts in zip(*scored, strict=True))
    if experiment.label in ACROSS_SYMBOLS:
        target = labels.across_symbols(forward_return, decided, kind=experiment.label)
    return probability, target, decided
