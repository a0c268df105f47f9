"""A portfolio's page: the verdict, growth, certainty and the numbers, from the parts that a run's report is made of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.model_registry import side_by_side
from forecast.evaluation.portfolio import Portfolio
from forecast.report import formatting
from forecast.report.context import PageContext
from forecast.report.document import write_page
from forecast.report.pages import tear_sheet
from forecast.report.sections import robustness
from forecast.report.sections.notes import trading_notes
from forecast.report.sections.verdict import verdict_text
from forecast.runs.integrity import Integrity
from forecast.statistics.verdict import Verdict
from forecast.trading.ledgers import read_ledgers


def write_portfolio(portfolio: Portfolio, *, folder: Path, standalone: bool = False) -> Path:
    """Writes `<folder>/portfolio-<name>.html` and returns its path."""
    context = _context(portfolio)
    with side_by_side(context.models):
        return _write(portfolio, context, folder=folder, standalone=standalone)


def _write(portfolio: Portfolio, context: PageContext, *, folder: Path, standalone: bool) -> Path:
    verdict = Verdict.from_json(portfolio.metrics["verdict"])
    figures = tear_sheet.figures(context, verdict)
    period = portfolio.metrics["period"]
    config = portfolio.config
    return write_page(
        folder / page_name(portfolio.name),
        template="portfolio.html.j2",
        standalone=standalone,
        figures=figures,
        **tear_sheet.sections(context, verdict),
        title=f"Portfolio of {', '.join(config['symbols'])}",
        eyebrow=(f"{', '.join(config['symbols'])} · {formatting.day(period['first'])} to "
        f"{formatting.day(period['last'])}"),
        verdict=verdict_text(portfolio.metrics, symbol=", ".join(config["symbols"])),
        vetoes=robustness.vetoes(context),
        checks=robustness.answers(context),
        shares=_shares(portfolio.metrics["mean_share"]),
        more_lines=any(trace.get("visible") == "legendonly" for trace in figures["growth"]["data"]),
        weighting="equal shares" if config["weighting"] == "equal" else "shares by 1 / trailing volatility",
        notes=trading_notes(portfolio.metrics["trading"]),
        settings=[(name.replace("_", " "), formatting.value(value)) for name, value in config.items()],
        scale=figures["growth"]["layout"]["yaxis"]["type"],
        name=portfolio.name,
    )  # fmt: skip


def _shares(mean_share: Mapping[str, float]) -> dict[str, Any]:
    ordered = sorted(mean_share.items(), key=lambda item: -item[1])
    rows = [
        {"name": symbol, "cells": [{"value": formatting.percent(share), "spread": ""}]} for symbol, share in ordered
    ]
    return {"columns": ["Mean share"], "rows": rows}


def page_name(name: str) -> str:
    """The file name of a portfolio's page."""
    return f"portfolio-{name}.html"


def _context(portfolio: Portfolio) -> PageContext:
    """The part of a run's material that a portfolio has."""
    empty = pd.DataFrame()
    accounts = read_ledgers(portfolio.ledger)
    daily = len(accounts[0].time) < 2 or np.median(np.diff(accounts[0].time)) >= np.timedelta64(20, "h")
    return PageContext(
        name=portfolio.name,
        backtest=portfolio.name,
        about={
            "config": {"symbol": accounts[0].symbol},
            "data": {"interval": "1d" if daily else "intraday"},
            "folds": [],
        },
        policy=portfolio.config,
        metrics=portfolio.metrics,
        bars=empty,
        history=empty,
        predictions=empty,
        signals=empty,
        ledgers=accounts,
        integrity=_integrity(portfolio.metrics["integrity"]),
    )


def _integrity(checked: Mapping[str, Mapping[str, Any]]) -> Integrity:
    """Of all its runs. checked: by run, what was noted when they were joined."""
    unverified = [f"{run}: {noted['reason']}" for run, noted in checked.items() if not noted["verified"]]
    return Integrity(verified=not unverified, reason="; ".join(unverified))
