"""A portfolio's page: the verdict, growth, certainty and the numbers, from the parts that a run's report is made of."""

from pathlib import Path

import numpy as np
import pandas as pd

from forecast.evaluation.portfolio import Portfolio
from forecast.report import formatting
from forecast.report.charts import equity
from forecast.report.context import PageContext
from forecast.report.document import write_page
from forecast.report.sections import tables
from forecast.report.sections.notes import trading_notes
from forecast.report.sections.verdict import verdict_text
from forecast.statistics.verdict import Verdict
from forecast.trading.ledgers import read_ledgers


def write_portfolio(portfolio: Portfolio, *, folder: Path, standalone: bool = False) -> Path:
    """Writes `<folder>/portfolio-<name>.html` and returns its path."""
    material = _material(portfolio)
    verdict = Verdict.from_json(portfolio.metrics["verdict"])
    unit = next((each.unit for each in verdict.of("money")), "day")
    figures = {
        "growth": equity.growth(material),
        "skill": equity.intervals(verdict.of("skill"), title="difference in rank IC", tick=".2~f"),
        "money": equity.intervals(verdict.of("money"), title=f"difference in net return per {unit}", tick=".2~p"),
        "drawdown": equity.drawdown(material),
    }
    period = portfolio.metrics["period"]
    config = portfolio.config
    return write_page(
        folder / page_name(portfolio.name),
        template="portfolio.html.j2",
        standalone=standalone,
        figures=figures,
        title=f"Portfolio of {', '.join(config['symbols'])}",
        eyebrow=(f"{', '.join(config['symbols'])} · {formatting.day(period['first'])} to "
        f"{formatting.day(period['last'])}"),
        verdict=verdict_text(portfolio.metrics, symbol=", ".join(config["symbols"])),
        shares=[(symbol, formatting.percent(share)) for symbol, share in portfolio.metrics["mean_share"].items()],
        weighting="equal shares" if config["weighting"] == "equal" else "shares by 1 / trailing volatility",
        notes=trading_notes(portfolio.metrics["trading"]),
        skill_rows=tables.comparisons(verdict, "skill"),
        money_rows=tables.comparisons(verdict, "money"),
        unit=unit,
        performance=tables.performance(material),
        settings=[(name.replace("_", " "), formatting.value(given)) for name, given in config.items()],
        scale=figures["growth"]["layout"]["yaxis"]["type"],
        name=portfolio.name,
    )  # fmt: skip


def page_name(name: str) -> str:
    """The file name of a portfolio's page."""
    return f"portfolio-{name}.html"


def _material(portfolio: Portfolio) -> PageContext:
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
    )
