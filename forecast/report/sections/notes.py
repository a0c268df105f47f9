"""What a person should know about the accounts of a backtest, as sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

from forecast.report.formatting import plural
from forecast.report.sections.verdict import capital, joined, name
from forecast.statistics.comparisons import SAME_EXPOSURE
from pipelines.errors import listed


def trading_notes(trading: Mapping[str, Any]) -> list[str]:
    """Sentences from metrics.json's "trading", of one run or of a portfolio."""
    notes = [
        f"{capital(name(model))} lost everything on {day} and traded no more."
        for model, day in (trading.get("ruined") or {}).items()
    ]
    if idle := trading.get("bars_without_volume"):
        notes.append(f"No volume in {plural(idle, 'bar')}: nothing was traded at the open, positions were kept.")
    if missing := trading.get("missing_sessions"):
        notes.append(
            f"No bar in {plural(missing, 'session')}: positions were held across, with interest by calendar days."
        )
    if trading.get("closed_at_end"):
        volume = ", although it had no volume" if trading.get("closed_without_volume") else ""
        notes.append(f"Open positions were closed at the last open{volume}, costs paid.")
    if trading.get("closed_overnight"):
        notes.append("Positions are closed at the last open of each session, costs paid; nothing is held overnight.")
    if idle := [name(model) for model in trading.get("never_traded") or () if model.partition(":")[0] != SAME_EXPOSURE]:
        notes.append(f"{capital(joined(idle))} never held a position.")
    if chosen := trading.get("chosen_thresholds"):
        thresholds = "; ".join(
            f"{name(model)} {', '.join(f'{threshold:g}' for threshold in values)}" for model, values in chosen.items()
        )
        notes.append(f"Thresholds chosen on the validation rows of each fold: {thresholds}.")
    notes += [f"{capital(note)}." for note in (trading.get("choice_notes") or [])[:3]]
    if (spread := trading.get("half_spread_bps")) is not None:
        source = (
            "quoted at the opens" if trading.get("half_spread_source") == "quoted" else "estimated from earlier bars"
        )
        notes.append(f"The half-spread, {source}, was {spread:.2g} basis points on average.")
    if ended := trading.get("ended") or {}:
        names = listed([f"{symbol} ends on {day}" for symbol, day in ended.items()], at_most=5)
        notes.append(f"{names}: sold at the last open, and the share went to the others.")
    if left := trading.get("left") or {}:
        names = listed([f"{symbol} ({day})" for symbol, day in left.items()], at_most=5)
        notes.append(f"Sold at the next open, because their membership had ended: {names}.")
    notes += [
        f"{capital(name(model))} is left out: of the runs joined only {joined(symbols)} {_has(symbols)} it."
        for model, symbols in (trading.get("left_out") or {}).items()
    ]
    if untradable := trading.get("untradable_opens"):
        worst = max(untradable, key=lambda symbol: untradable[symbol])
        notes.append(
            f"{plural(len(untradable), 'symbol')} could not be traded at some of {trading['opens']} "
            f"opens (most: {worst}, {untradable[worst]}): what was held stayed."
        )
    return notes


def _has(symbols: Sequence[str]) -> str:
    return "has" if len(symbols) == 1 else "have"
