"""What a person should know about the accounts of a backtest, beside what they earned."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.trading import AUTO, TradingConfig
from forecast.statistics.verdict import name
from forecast.trading.signals import ENSEMBLE, utc
from forecast.trading.simulator import Ledger
from forecast.trading.strategy import StrategyResult
from pipelines.market.calendars import session_of, sessions_between


def notes(made: StrategyResult, bars: pd.DataFrame, *, rules: TradingConfig, calendar: str) -> dict[str, Any]:
    """metrics.json's "trading": counts, choices, and sentences for a person."""
    here, ensembles = made.known, [each for each in made.ledgers if each.member == ENSEMBLE]
    sessions = np.unique(session_of(utc(bars["closed_at"])[made.traded], calendar))
    missing = len(sessions_between(sessions[0], sessions[-1], calendar)) - len(sessions)
    idle = int((~here.tradable[:-1]).sum())
    ruined = ruins(made.ledgers)
    said = [f"{capital(name(model))} lost everything on {day} and traded no more." for model, day in ruined.items()]
    if idle:
        said.append(f"{idle} bars had no volume: nothing was traded at their opens, and what was held stayed.")
    if missing > 0:
        said.append(f"{missing} sessions have no bar: a position is held across them, its interest counted by the day.")
    if any(each.position[-2] for each in ensembles if each.model != "buy_and_hold"):
        thin = "" if here.tradable[-1] else ", although it had no volume"
        said.append(f"What was held at the end was closed at the last open{thin}, and that was paid for.")
    still = [name(each.model) for each in ensembles if each.model != "always_flat" and not np.any(each.position)]
    said += [f"{capital(each)} never held anything." for each in still]
    said += _chosen(made, rules=rules)
    if here.closing is not None:
        said.append(
            "Positions are closed at the last open of each session, and that is paid for; nothing is held overnight."
        )
    spread = None if here.spread is None else float(10_000 * here.spread.mean())
    if spread is not None:
        how = "quoted at the opens" if rules.spread == "quoted" else "estimated from earlier bars"
        said.append(f"The half-spread, {how}, was {spread:.2g} basis points on average.")
    return {
        "bars_without_volume": idle,
        "missing_sessions": max(0, missing),
        "ruined": ruined,
        "half_spread_bps": spread,
        "choices": [each.to_json() for each in made.choices],
        "notes": said,
    }


def ruins(ledgers: Sequence[Ledger]) -> dict[str, str]:
    """The day on which each ensemble lost everything, of those that did."""
    found = {}
    for each in ledgers:
        if each.member == ENSEMBLE and np.any(lost := each.net <= -1.0):
            found[each.model] = str(np.datetime_as_string(each.time[int(np.argmax(lost))], unit="D"))
    return found


def _chosen(made: StrategyResult, *, rules: TradingConfig) -> list[str]:
    mine = [each for each in made.choices if each.member == ENSEMBLE]
    said = []
    if rules.band == AUTO and mine:
        by_model: dict[str, list[str]] = {}
        for each in mine:
            by_model.setdefault(each.model, []).append(f"{each.band:g}")
        shown = "; ".join(f"{name(model)} {', '.join(bands)}" for model, bands in by_model.items())
        said.append(f"Bands chosen on the validation rows of each fold: {shown}.")
    whys = dict.fromkeys(
        f"fold {each.fold}: {why}" for each in mine for why in (each.calibration.note, each.note) if why
    )
    return said + [f"{capital(why)}." for why in list(whys)[:3]]


def capital(text: str) -> str:
    """The same with a capital first letter."""
    return text[:1].upper() + text[1:]
