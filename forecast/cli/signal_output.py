"""How a signal is shown: lines for a person, or JSON."""

import json
from typing import Any

import click
import numpy as np
import pandas as pd

from forecast.cli.context import CliContext, print_json
from forecast.cli.text import say
from forecast.report import formatting
from forecast.serving.panel_signal import PanelSignal
from forecast.serving.signal import RunSignal


def show(signal: RunSignal, settings: CliContext, *, now: np.datetime64, as_json: bool, line: bool = False) -> None:
    """One run's signals on stdout, what else to know on stderr. line: JSON in one line, for a stream."""
    if as_json and line:
        click.echo(json.dumps(as_dict(signal, now=now), allow_nan=False))
    elif as_json:
        print_json(as_dict(signal, now=now))
    else:
        rules = f"{signal.rules.policy}, threshold {signal.rules.threshold}"
        say(f"{signal.symbol} at the close of {moment(signal)}, {_price(signal)}, {age(signal, now)} old ({rules}):")
        width = max(len(network.model) for network in signal.networks)
        for network in signal.networks:
            spread = f"members {min(network.members):.3f} to {max(network.members):.3f}"
            say(
                f"  {network.model:<{width}} {network.signal.upper():<5} probability of a rise "
                f"{network.probability:.3f} ({spread}), position {holding(network.position)}"
            )
    for note in signal.notes:
        settings.note(note)
    if signal.bars_since_run:
        newer = formatting.plural(signal.bars_since_run, "bar")
        settings.note(f"Newer than the run: {newer}. To learn from that, train again.")
    if signal.stale(now):
        settings.note(f"The prices are stale, {age(signal, now)} old: sessions have closed since.")
    if clock := note_on_clock(signal.decided_at, now=now):
        settings.note(clock)


def note_on_clock(decided_at: np.datetime64, *, now: np.datetime64) -> str:
    """What to say where this machine's clock is behind the newest price, "" where it is not."""
    if decided_at <= now:
        return ""
    moments = (np.datetime_as_string(time, unit="m").replace("T", " ") for time in (now, decided_at))
    return "The clock says {} UTC, earlier than the newest price ({} UTC). Check it: stale prices go unnoticed.".format(
        *moments
    )


def as_dict(signal: RunSignal, *, now: np.datetime64) -> dict[str, Any]:
    """JSON-ready."""
    return {
        "run": signal.run,
        "symbol": signal.symbol,
        "decided_at": pd.Timestamp(signal.decided_at, tz="UTC").isoformat(),
        "age_days": int((now - signal.decided_at) / np.timedelta64(1, "D")),
        "stale": signal.stale(now),
        "price": signal.price,
        "currency": signal.currency,
        "bars_since_run": signal.bars_since_run,
        "policy": signal.rules.policy,
        "band": signal.rules.threshold,
        "signals": [
            {
                "model": network.model,
                "signal": network.signal,
                "probability": network.probability,
                "members": list(network.members),
                "spread": max(network.members) - min(network.members),
                "position": network.position,
            }
            for network in signal.networks
        ],
        "notes": list(signal.notes),
    }


def holding(position: float) -> str:
    """A position in words: "long", "short 50 %", "flat"."""
    if position == 0:
        return "flat"
    size = "" if abs(position) == 1 else f" {formatting.number(100 * abs(position), 0)} %"
    return ("long" if position > 0 else "short") + size


def age(signal: "RunSignal | PanelSignal", now: np.datetime64) -> str:
    """How old the newest bar is: "3 days", "5 h", "12 min"."""
    minutes = int((now - signal.decided_at) / np.timedelta64(1, "m"))
    if minutes < 120:
        return f"{max(minutes, 0)} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{formatting.count(minutes // 1440)} days"


def moment(signal: "RunSignal | PanelSignal") -> str:
    """The close that was decided at."""
    return f"{pd.Timestamp(signal.decided_at):%Y-%m-%d %H:%M} UTC"


def _price(signal: RunSignal) -> str:
    return f"{formatting.price(signal.price)} {signal.currency}".strip()
