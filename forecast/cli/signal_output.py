"""How a signal is shown: lines for a person, or JSON."""

import json
from typing import Any

import click
import numpy as np
import pandas as pd

from forecast.cli.context import CliContext, print_json
from forecast.cli.text import say
from forecast.report import formatting
from forecast.serving.signal import RunSignal


def show(found: RunSignal, settings: CliContext, *, now: np.datetime64, as_json: bool, line: bool = False) -> None:
    """One run's signals on stdout, what else to know on stderr. line: JSON in one line, for a stream."""
    if as_json and line:
        click.echo(json.dumps(as_dict(found, now=now), allow_nan=False))
    elif as_json:
        print_json(as_dict(found, now=now))
    else:
        rules = f"{found.rules.policy}, threshold {found.rules.threshold}"
        say(f"{found.symbol} at the close of {moment(found)}, {_price(found)}, {age(found, now)} old ({rules}):")
        width = max(len(each.model) for each in found.networks)
        for each in found.networks:
            spread = f"members {min(each.members):.3f} to {max(each.members):.3f}"
            say(
                f"  {each.model:<{width}} {each.signal.upper():<5} probability of a rise {each.probability:.3f} "
                f"({spread}), position {holding(each.position)}"
            )
    for note in found.notes:
        settings.note(note)
    if found.bars_since_run:
        settings.note(f"{found.bars_since_run} bars are newer than the run. Train again to learn from them.")
    if found.stale(now):
        settings.note(f"The prices are stale, {age(found, now)} old: sessions have closed since.")


def as_dict(found: RunSignal, *, now: np.datetime64) -> dict[str, Any]:
    """JSON-ready."""
    return {
        "run": found.run,
        "symbol": found.symbol,
        "decided_at": pd.Timestamp(found.decided_at, tz="UTC").isoformat(),
        "age_days": int((now - found.decided_at) / np.timedelta64(1, "D")),
        "stale": found.stale(now),
        "price": found.price,
        "currency": found.currency,
        "bars_since_run": found.bars_since_run,
        "policy": found.rules.policy,
        "band": found.rules.threshold,
        "signals": [
            {
                "model": each.model,
                "signal": each.signal,
                "probability": each.probability,
                "members": list(each.members),
                "spread": max(each.members) - min(each.members),
                "position": each.position,
            }
            for each in found.networks
        ],
        "notes": list(found.notes),
    }


def holding(position: float) -> str:
    """A position in words: "long", "short 50%", "flat"."""
    if position == 0:
        return "flat"
    size = "" if abs(position) == 1 else f" {abs(position):.0%}"
    return ("long" if position > 0 else "short") + size


def age(found: RunSignal, now: np.datetime64) -> str:
    """How old the newest bar is: "3 days", "5 h", "12 min"."""
    minutes = int((now - found.decided_at) / np.timedelta64(1, "m"))
    if minutes < 120:
        return f"{max(minutes, 0)} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440:,} days"


def moment(found: RunSignal) -> str:
    """The close that was decided at."""
    return f"{pd.Timestamp(found.decided_at):%Y-%m-%d %H:%M} UTC"


def _price(found: RunSignal) -> str:
    return f"{formatting.price(found.price)} {found.currency}".strip()
