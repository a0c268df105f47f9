"""Whether longer windows pay: a sentence and tables."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from forecast.report import formatting
from forecast.studies.window_ablation import Ablation


def sentence(ablation: Ablation) -> str:
    """Whether longer windows pay, network by network."""
    sentences = []
    for model, rows in ablation.table.groupby("model", sort=False):
        longer = rows[rows["window"] > ablation.window]
        shorter = rows[rows["window"] < ablation.window]
        clauses = []
        for name, side in (("longer", longer), ("shorter", shorter)):
            for answer in ("better", "worse"):
                if len(windows := side.loc[side["answer"] == answer, "window"]):
                    clauses.append(f"{answer} at {' and '.join(map(str, windows))} bars")
            if len(side) and not side["answer"].isin(["better", "worse"]).any():
                clauses.append(f"no significant difference for a {name} one")
        sentences.append(
            f"The {formatting.label(str(model))}, against its {ablation.window} bars: {', '.join(clauses)}."
        )
    return " ".join(sentences)


def cells(ablation: Ablation) -> list[list[str]]:
    """The table for a person: differences from the run's own window, in percent per day (or bar)."""
    return [
        [
            formatting.label(str(row.model)),
            f"{row.window}" + (" (the run’s)" if row.window == ablation.window else ""),
            f"{row.log_loss:.4f}",
            *(
                (f"{_percent(row.difference)} %", _interval(row), str(row.answer))
                if row.window != ablation.window
                else (formatting.DASH, formatting.DASH, "")
            ),
        ]
        for row in _rows(ablation.table)
    ]


def table(ablation: Ablation) -> dict[str, Any]:
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
        for network, window, loss, difference, interval, answer in cells(ablation)
    ]
    return {"columns": ["Log loss", f"Net return per day minus that at {ablation.window} bars", "Answer"], "rows": rows}


def _rows(table: pd.DataFrame) -> Iterator[Any]:
    yield from table.itertuples()


def _interval(row: Any) -> str:
    return formatting.DASH if pd.isna(row.low) else f"{_percent(row.low)} to {_percent(row.high)} %"


def _percent(share: float) -> str:
    return f"{100 * share:+.4f}".replace("-", "−")
