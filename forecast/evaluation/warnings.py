"""What a person should know about the accounts of a backtest, beside what they earned."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.trading import AUTO, TradingConfig
from forecast.statistics.verdict import Caveat
from forecast.trading.signals import ENSEMBLE
from forecast.trading.simulator import Ledger
from forecast.trading.strategy import StrategyResult, chosen_bands
from pipelines.market.calendars import session_of, sessions_between
from pipelines.market.times import utc


def notes(result: StrategyResult, bars: pd.DataFrame, *, rules: TradingConfig, calendar: str) -> dict[str, Any]:
    """metrics.json's "trading": counts and choices; the report makes sentences of them."""
    state, ensembles = result.market, [ledger for ledger in result.ledgers if ledger.member == ENSEMBLE]
    sessions = np.unique(session_of(utc(bars["closed_at"])[result.traded], calendar))
    missing = len(sessions_between(sessions[0], sessions[-1], calendar)) - len(sessions)
    still_open = any(ledger.position[-2] for ledger in ensembles if ledger.model != "buy_and_hold")
    return {
        "bars_without_volume": int((~state.tradable[:-1]).sum()),
        "missing_sessions": max(0, missing),
        "ruined": ruins(result.ledgers),
        "closed_at_end": bool(still_open),
        "closed_without_volume": bool(still_open and not state.tradable[-1]),
        "never_traded": [
            ledger.model for ledger in ensembles if ledger.model != "cash" and not np.any(ledger.position)
        ],
        "half_spread_bps": None if state.spread is None else float(10_000 * state.spread.mean()),
        "closed_overnight": state.closing is not None,
        "half_spread_source": rules.spread,
        "choices": [choice.to_json() for choice in result.choices],
        "chosen_thresholds": chosen_bands(result.choices) if rules.threshold == AUTO else {},
        "choice_notes": list(
            dict.fromkeys(
                f"fold {choice.fold}: {why}"
                for choice in result.choices
                if choice.member == ENSEMBLE
                for why in (choice.calibration.note, choice.note)
                if why
            )
        ),
    }


def ruins(ledgers: Sequence[Ledger]) -> dict[str, str]:
    """The day on which each ensemble lost everything, of those that did."""
    dates = {}
    for ledger in ledgers:
        if ledger.member == ENSEMBLE and np.any(ruined := ledger.net_return <= -1.0):
            dates[ledger.model] = str(np.datetime_as_string(ledger.time[int(np.argmax(ruined))], unit="D"))
    return dates


def diverged_members(*described: Mapping[str, Any]) -> list[Caveat]:
    """A caveat for each network of which members diverged in training, with their number. described: run.json."""
    count = Counter(str(member["model"]) for about in described for member in about.get("diverged", ()))
    return [Caveat(code="diverged", value=number, subject=model) for model, number in count.items()]
