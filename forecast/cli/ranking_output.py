"""How the ranking of a panel is shown: a table of what is held or traded, or JSON of all names."""

from dataclasses import asdict
from typing import Any

import click
import numpy as np
import pandas as pd

from forecast.cli.context import CliContext, print_json
from forecast.cli.tables import print_table
from forecast.serving.panel_signal import PanelSignal


def show_panel(found: PanelSignal, settings: CliContext, *, now: np.datetime64, as_json: bool) -> None:
    """The names of a panel that are held or traded, by network; all of them as JSON."""
    if as_json:
        print_json(panel_as_dict(found, now=now))
    else:
        moment = f"{pd.Timestamp(found.decided_at):%Y-%m-%d %H:%M} UTC"
        for model, names in found.networks.items():
            click.echo(f"{found.symbol} at the close of {moment}, {model}, {len(names)} names ({found.rules.policy}):")
            busy = [each for each in names if each.action != "none"]
            print_table(
                [">rank", "symbol", ">probability", "action", ">from", ">to"],
                [
                    [
                        str(each.rank),
                        each.symbol,
                        f"{each.probability:.4f}",
                        each.action.upper(),
                        f"{each.before:.2%}",
                        f"{each.share:.2%}",
                    ]
                    for each in busy
                ],
            )
    if found.absent:
        listed = "; ".join(f"{symbol} ({why})" for symbol, why in sorted(found.absent.items())[:10])
        more = f" and {len(found.absent) - 10} more" if len(found.absent) > 10 else ""
        settings.note(f"Not ranked: {listed}{more}.")
    for note in found.notes:
        settings.note(note)
    if found.stale(now):
        settings.note("The prices are stale: sessions have closed since.")


def panel_as_dict(found: PanelSignal, *, now: np.datetime64) -> dict[str, Any]:
    """JSON-ready."""
    return {
        "run": found.run,
        "symbol": found.symbol,
        "decided_at": pd.Timestamp(found.decided_at, tz="UTC").isoformat(),
        "stale": found.stale(now),
        "policy": found.rules.policy,
        "rankings": {model: [asdict(each) for each in names] for model, names in found.networks.items()},
        "absent": dict(found.absent),
        "notes": list(found.notes),
    }
