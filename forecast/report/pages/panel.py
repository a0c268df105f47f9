"""A panel's page: the verdict, growth, ranks over time, deciles, costs, and every symbol."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from forecast.config.model_registry import side_by_side
from forecast.config.trading import current_names
from forecast.report import formatting
from forecast.report.charts import cross_section, training
from forecast.report.context import PageContext
from forecast.report.document import write_page
from forecast.report.pages import tear_sheet
from forecast.report.sections import panel as sections
from forecast.report.sections import robustness, tables
from forecast.report.sections.notes import trading_notes
from forecast.report.sections.verdict import verdict_text
from forecast.runs.integrity import Integrity
from forecast.runs.run import Run
from forecast.runs.saved_backtests import Backtest
from forecast.statistics.verdict import Verdict
from forecast.trading.ledgers import read_ledgers
from pipelines.errors import RunError


def write_panel(run: Run, *, backtest: str, path: Path, standalone: bool = False) -> Path:
    """Writes the page of a backtest of a panel and returns its path.

    Raises:
        RunError: the run or the backtest is missing or damaged.
    """
    saved = run.without_signals(backtest)
    try:
        return _write(run, saved, path=path, standalone=standalone)
    except (KeyError, TypeError) as error:
        raise RunError(f"The files of run {run.name} do not hold {error}. Run 'forecast backtest' again.") from error


def _write(run: Run, saved: Backtest, *, path: Path, standalone: bool) -> Path:
    context = _context(run, saved)
    with side_by_side(context.models):
        return _page(context, run, saved, path=path, standalone=standalone)


def _page(context: PageContext, run: Run, saved: Backtest, *, path: Path, standalone: bool) -> Path:
    panel, period = saved.metrics["panel"], saved.metrics["period"]
    verdict = Verdict.from_json(saved.metrics["verdict"])
    ranked = [model for model in context.models if model in panel["rank_ic"]]
    accounts = [model for model in context.models if model in panel["by_year"]]
    learning = training.learning(context)
    figures = {
        **tear_sheet.figures(context, verdict),
        "rank-ic": cross_section.rank_ic_by_year(panel, context.networks),
        "decay": cross_section.rank_ic_decay(panel, context.networks),
        "quantiles": cross_section.quantiles(panel, ranked),
        **{f"learning-{number}": figure for number, (_, figure) in enumerate(learning)},
    }
    policy = str(saved.config.get("policy", ""))
    options = " ".join(
        f"--{name.replace('_', '-')} {formatting.value(value)}" for name, value in current_names(saved.config).items()
    )
    name = shlex.quote(run.name)
    return write_page(
        path,
        template="panel.html.j2",
        standalone=standalone,
        figures=figures,
        title=f"{run.symbol}: a panel of {panel['symbols']} symbols",
        eyebrow=f"{run.symbol} · {panel['symbols']} symbols · {policy} · {formatting.day(period['first'])} to "
        f"{formatting.day(period['last'])}",
        verdict=verdict_text(saved.metrics, symbol=run.symbol),
        sentences=sections.sentences(panel, context.networks),
        notes=trading_notes({**saved.metrics["trading"], "ended": {}}),
        ended=saved.metrics["trading"].get("ended") or {},
        **tear_sheet.sections(context, verdict),
        more_lines=any(trace.get("visible") == "legendonly" for trace in figures["growth"]["data"]),
        prediction=tables.prediction(context),
        ranks=sections.ranks(panel, ranked),
        account_years=sections.years(panel, accounts),
        symbols=sections.symbols(panel, context.networks),
        learning=[title for title, _ in learning],
        folds=tables.folds(context),
        setup=tables.setup(context),
        vetoes=robustness.vetoes(context),
        checks=robustness.answers(context),
        commands=[
            *filter(None, [run.describe().get("command")]),
            f"forecast backtest {name} {options}",
            f"forecast report {name}",
        ],
        scale=figures["growth"]["layout"]["yaxis"]["type"],
        name=run.name,
    )


def _context(run: Run, saved: Backtest) -> PageContext:
    """The part of a run's material that a panel has; its predictions and bars are too many for a page."""
    return PageContext(
        name=run.name,
        backtest=saved.name,
        about=run.describe(),
        policy=saved.config,
        metrics=saved.metrics,
        bars=pd.DataFrame(),
        history=run.history(),
        predictions=pd.DataFrame(),
        signals=saved.signals,
        ledgers=read_ledgers(saved.ledger),
        integrity=_integrity(saved.metrics.get("integrity")),
    )


def _integrity(checked: Mapping[str, Any] | None) -> Integrity:
    """What the backtest noted of the run's files when it read them."""
    if checked is None:
        return Integrity(verified=False, reason="the backtest did not note whether they were")
    return Integrity(verified=bool(checked["verified"]), reason=str(checked["reason"]))
