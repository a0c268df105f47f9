"""A panel's look-ahead audit: fills, what was chosen on validation rows, and shares without the bars that follow."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.trading import TradingConfig
from forecast.evaluation.panel.accounts import PanelTrades
from forecast.evaluation.panel.rows import Member
from forecast.evaluation.panel.shares import PanelAllocator
from forecast.runs.manifest import sealed
from forecast.trading.panel_account import PanelAccount
from forecast.trading.signals import ENSEMBLE
from forecast.trading.simulator import Flags
from pipelines.market.times import day, utc


def certify_panel_fills(
    certificate: dict[str, Any] | None,
    trades: PanelTrades,
    accounts: Mapping[Member, PanelAccount],
    *,
    bars: pd.DataFrame,
    rules: TradingConfig,
    described: Mapping[str, Any],
) -> dict[str, Any] | None:
    """The training's certificate with the backtest's own checks; None for a run without one."""
    if certificate is None:
        return None
    failures, compared = list(certificate["failures"]), int(certificate["compared"])
    replayed = _replays(trades, bars, rules=rules, described=described)
    for failure, fine in chain(_checks(trades, accounts), replayed):
        compared += 1
        if not fine:
            failures.append(failure)
    return sealed(
        {**certificate, "passed": not failures, "compared": compared, "failures": list(dict.fromkeys(failures))}
    )


def _checks(trades: PanelTrades, accounts: Mapping[Member, PanelAccount]) -> Iterator[tuple[str, bool]]:
    rows, market = trades.rows, trades.market
    yield "a decision is filled before it is made", bool(np.all(rows.entry_at >= rows.decided_at))
    yield "a fill is not at an open of its symbol", bool(np.array_equal(market.time[market.entry], rows.entry_at))
    for fold, last in trades.last_exits.items():
        tested = rows.decided_at[rows.fold == fold]
        late = len(tested) and last >= tested.min()
        yield f"a validation row of fold {fold} is known too late for what is chosen on it", not late
    earned = market.opens[:, 1:] / market.opens[:, :-1] - 1.0
    for (model, _), account in accounts.items():
        gross = (account.position[:, :-1] * earned).sum(axis=0)
        fair = np.allclose(account.ledger.gross_return[:-1], gross, rtol=0.0, atol=1e-12)
        yield f"{model} earns something else than from open to open", bool(fair)


def _replays(
    trades: PanelTrades, bars: pd.DataFrame, *, rules: TradingConfig, described: Mapping[str, Any]
) -> Iterator[tuple[str, bool]]:
    """What the ensembles' shares up to a decision are without all that came after it, and with other in its place."""
    rng, rows = np.random.default_rng(0), trades.rows
    closed_at, moments = utc(bars["closed_at"]), np.unique(rows.decided_at)
    for cut in moments[[len(moments) // 3, len(moments) * 4 // 5]]:
        past, later = rows.decided_at <= cut, closed_at > cut
        noise = {
            name: np.where(past, probability, rng.random(len(rows)))
            for name, probability in rows.probability.items()
            if name[1] == ENSEMBLE
        }
        changed = replace(rows, probability=noise)
        for how in ("removed", "scrambled"):  # one at a time: a history of hundreds of symbols is a tenth of a gigabyte
            part = changed.rows(past) if how == "removed" else changed
            history = _cut_off(bars, later) if how == "removed" else _other_future(bars, later, rng=rng)
            allocator = PanelAllocator.of_bars(history, rules=rules, described=described)
            del history
            of_members = allocator.member_shares(part, thresholds=trades.thresholds)
            for (model, member), (shares, _) in of_members.items():
                unchanged = np.array_equal(shares[: past.sum()], trades.shares[model, member][past])
                yield f"shares of {model} change when what follows {day(cut)} is {how}", unchanged


def _cut_off(bars: pd.DataFrame, later: Flags) -> pd.DataFrame:
    """The bars but those after the second later one of each symbol. later: shape (bars,)."""
    count = pd.Series(later).groupby(bars["symbol"].to_numpy()).cumsum().to_numpy()
    return bars[~(later & (count > 2))]


def _other_future(bars: pd.DataFrame, later: Flags, *, rng: np.random.Generator) -> pd.DataFrame:
    """The bars with other prices in the later ones."""
    drift = np.exp(np.where(later, rng.normal(0.0, 0.5, len(bars)), 0.0))
    prices = [name for name in ("open", "high", "low", "close", "bid", "ask") if name in bars]
    return bars.assign(**{name: bars[name].to_numpy() * drift for name in prices})
