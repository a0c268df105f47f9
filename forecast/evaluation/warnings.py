"""What a person should know about the accounts of a backtest, beside what they earned."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.trading import AUTO, TradingConfig
from forecast.statistics.verdict import Caveat
from forecast.trading.signals import ENSEMBLE, utc
from forecast.trading.simulator import Ledger
from forecast.trading.strategy import StrategyResult, chosen_bands
from pipelines.market.calendars import session_of, sessions_between


def notes(made: StrategyResult, bars: pd.DataFrame, *, rules: TradingConfig, calendar: str) -> dict[str, Any]:
    """metrics.json's "trading": counts and choices; the report makes sentences of them."""
    state, ensembles = made.known, [each for each in made.ledgers if each.member == ENSEMBLE]
    sessions = np.unique(session_of(utc(bars["closed_at"])[made.traded], calendar))
    missing = len(sessions_between(sessions[0], sessions[-1], calendar)) - len(sessions)
    held = any(each.position[-2] for each in ensembles if each.model != "buy_and_hold")
    return {
        "bars_without_volume": int((~state.tradable[:-1]).sum()),
        "missing_sessions": max(0, missing),
        "ruined": ruins(made.ledgers),
        "closed_at_end": bool(held),
        "closed_without_volume": bool(held and not state.tradable[-1]),
        "never_traded": [each.model for each in ensembles if each.model != "cash" and not np.any(each.position)],
        "half_spread_bps": None if state.spread is None else float(10_000 * state.spread.mean()),
        "closed_overnight": state.closing is not None,
        "half_spread_source": rules.spread,
        "choices": [each.to_json() for each in made.choices],
        "chosen_thresholds": chosen_bands(made.choices) if rules.threshold == AUTO else {},
        "choice_notes": list(
            dict.fromkeys(
                f"fold {each.fold}: {why}"
                for each in made.choices
                if each.member == ENSEMBLE
                for why in (each.calibration.note, each.note)
                if why
            )
        ),
    }


def ruins(ledgers: Sequence[Ledger]) -> dict[str, str]:
    """The day on which each ensemble lost everything, of those that did."""
    found = {}
    for each in ledgers:
        if each.member == ENSEMBLE and np.any(lost := each.net_return <= -1.0):
            found[each.model] = str(np.datetime_as_string(each.time[int(np.argmax(lost))], unit="D"))
    return found


def diverged_members(*described: Mapping[str, Any]) -> list[Caveat]:
    """A caveat for each network of which members diverged in training, with their number. described: run.json."""
    count = Counter(str(each["model"]) for about in described for each in about.get("diverged", ()))
    return [Caveat(code="diverged", value=number, subject=model) for model, number in count.items()]
