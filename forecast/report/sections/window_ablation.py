"""Whether longer windows pay: a sentence and tables."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from forecast.report import formatting
from forecast.studies.window_ablation import Ablation


def sentence(found: Ablation) -> str:
    """Whether longer windows pay, network by network."""
    told = []
    for model, rows in found.table.groupby("model", sort=False):
        longer = rows[rows["window"] > found.window]
        shorter = rows[rows["window"] < found.window]
        said = []
        for name, side in (("longer", longer), ("shorter", shorter)):
            for answer in ("better", "worse"):
                if len(those := side.loc[side["answer"] == answer, "window"]):
                    said.append(f"{answer} at {' and '.join(map(str, those))} bars")
            if len(side) and not side["answer"].isin(["better", "worse"]).any():
                said.append(f"no significant difference for a {name} one")
        told.append(f"The {formatting.label(str(model))}, against its {found.window} bars: {', '.join(said)}.")
    return " ".join(told)


def cells(found: Ablation) -> list[list[str]]:
    """The table for a person: differences from the run's own window, in percent a day (or bar)."""
    return [
        [
            formatting.label(str(row.model)),
            f"{row.window}" + (" (the run’s)" if row.window == found.window else ""),
            f"{row.log_loss:.4f}",
            *(
                (f"{100 * row.difference:+.4f} %", _interval(row), str(row.answer))
                if row.window != found.window
                else (formatting.DASH, formatting.DASH, "")
            ),
        ]
        for row in _rows(found.table)
    ]


def table(found: Ablation) -> dict[str, Any]:
    """The same for the page."""
    rows = [
        {
            "name": f"{network}, window {window}",
            "cells": [
                {"value": loss, "spread": ""},
                {"value": difference, "spread": "" if interval == formatting.DASH else interval},
                {"value": answer or formatting.DASH, "spread": ""},
            ],
        }
        for network, window, loss, difference, interval, answer in cells(found)
    ]
    return {"columns": ["Log loss", f"Net return per day less that at {found.window} bars", "Answer"], "rows": rows}


def _rows(table: pd.DataFrame) -> Iterator[Any]:
    yield from table.itertuples()


def _interval(row: Any) -> str:
    return formatting.DASH if pd.isna(row.low) else f"{100 * row.low:+.4f} to {100 * row.high:+.4f} %"
