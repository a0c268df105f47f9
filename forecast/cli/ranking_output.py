"""How the ranking of a panel is shown: a table of what is held or traded, or JSON of all names."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from forecast.cli.context import CliContext, print_json
from forecast.cli.signal_output import note_on_clock
from forecast.cli.tables import print_table
from forecast.cli.text import say
from forecast.report import formatting
from forecast.serving.panel_signal import PanelSignal
from pipelines.errors import listed_by_reason


def show_panel(ranking: PanelSignal, settings: CliContext, *, now: np.datetime64, as_json: bool) -> None:
    """The names of a panel that are held or traded, by network; all of them as JSON."""
    if as_json:
        print_json(panel_as_dict(ranking, now=now))
    else:
        moment = f"{pd.Timestamp(ranking.decided_at):%Y-%m-%d %H:%M} UTC"
        for model, names in ranking.networks.items():
            say(f"{ranking.symbol} at the close of {moment}, {model}, {len(names)} names ({ranking.rules.policy}):")
            busy = [entry for entry in names if entry.action != "none"]
            print_table(
                [">rank", "symbol", ">probability", "action", ">from", ">to"],
                [
                    [
                        str(entry.rank),
                        entry.symbol,
                        f"{entry.probability:.4f}",
                        entry.action.upper(),
                        formatting.percent(entry.before),
                        formatting.percent(entry.share),
                    ]
                    for entry in busy
                ]
                + [
                    ["", symbol, "", "SELL" if share > 0 else "BUY", formatting.percent(share), formatting.percent(0.0)]
                    for symbol, share in ranking.leaving.get(model, {}).items()
                ],
            )
    if ranking.absent:
        settings.note(f"Not ranked: {listed_by_reason(ranking.absent)}.")
    for note in ranking.notes:
        settings.note(note)
    if ranking.stale(now):
        settings.note("The prices are stale: sessions have closed since.")
    if clock := note_on_clock(ranking.decided_at, now=now):
        settings.note(clock)


def panel_as_dict(ranking: PanelSignal, *, now: np.datetime64) -> dict[str, Any]:
    """JSON-ready."""
    return {
        "run": ranking.run,
        "symbol": ranking.symbol,
        "decided_at": pd.Timestamp(ranking.decided_at, tz="UTC").isoformat(),
        "stale": ranking.stale(now),
        "policy": ranking.rules.policy,
        "rankings": {model: [asdict(entry) for entry in names] for model, names in ranking.networks.items()},
        "leaving": {model: dict(names) for model, names in ranking.leaving.items()},
        "absent": dict(ranking.absent),
        "notes": list(ranking.notes),
    }
