"""The list of runs to sort, filter and search; portfolios and power studies below it, each with a link to its page."""

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from forecast.evaluation.portfolio import FOLDER, list_portfolios
from forecast.report import formatting
from forecast.report.document import environment
from forecast.report.pages.index_rows import BacktestRow, backtest_rows
from forecast.report.pages.portfolio import page_name as portfolio_page
from forecast.report.pages.power import page_name, sentence
from forecast.report.pages.run import backtest_page
from forecast.report.sections.families import together
from forecast.report.sections.verdict import verdict_text
from forecast.runs.io import read_json
from forecast.runs.overview import RunSummary, differing_settings, summaries
from forecast.runs.run import Run
from forecast.statistics.families import joint_families
from forecast.studies.power_results import PowerStudy
from pipelines.errors import RunError, listed
from pipelines.files import write_atomically

_NUMBERS = (
    ("sharpe", "Sharpe", formatting.number),
    ("annual_return", "Return per year", formatting.percent),
    ("max_drawdown", "Max. drawdown", formatting.percent),
    ("trades", "Trades", formatting.count),
)
_OLDER = 5  # backtests of a run that are linked beside its newest one
_ANSWERS = ("better", "worse", "inconclusive")
_OMITTED = ("start", "end", "panel", "controls")  # long, or said by the dates of the page


def write_index(runs: Sequence[Run], *, folder: Path, calibrations: Sequence[PowerStudy] = ()) -> Path:
    """Writes `<folder>/index.html` and returns its path. runs: newest first; a damaged one is listed as such.

    They may lie in several folders. The portfolios beside the runs are listed, too.
    """
    places = list(dict.fromkeys(run.folder.parent for run in runs))
    summary_of = {(place, summary.run): summary for place in places for summary in summaries(place)}
    listed = [
        (run, summary_of[run.folder.parent, run.name]) for run in runs if (run.folder.parent, run.name) in summary_of
    ]
    common = _common_settings([summary for _, summary in listed])
    backtest_of = {
        place: backtest_rows(place, [summary for run, summary in listed if run.folder.parent == place])
        for place in places
    }
    pages = {entry.name for entry in os.scandir(folder)} if folder.is_dir() else set()
    rows, verdicts = [], []
    for run, summary in listed:
        backtest = backtest_of[run.folder.parent][run.name]
        rows.append(_row(summary, backtest, common=common, pages=pages))
        if backtest.verdict is not None:
            verdicts.append((run.name, summary.symbol, backtest.verdict))
    controls = [
        {
            "link": page_name(study),
            "sentence": sentence(study.shares),
            "date": formatting.day(study.about["created_at"]),
        }
        for study in calibrations
        if (folder / page_name(study)).exists()
    ]
    joined = [portfolio for place in places for portfolio in _portfolios(place, folder=folder)]
    html = environment().get_template("index.html.j2").render(
        entries=rows, controls=controls, portfolios=joined, together=together(joint_families(verdicts)),
        headings=[heading for _, heading, _ in _NUMBERS], choices=_choices(rows),
    )  # fmt: skip
    return write_atomically(folder / "index.html", html.encode())


def _portfolios(runs: Path, *, folder: Path) -> list[dict[str, str]]:
    """The portfolios that have a page, newest first; a damaged one is passed over."""
    entries = []
    for name in list_portfolios(runs):
        try:
            metrics = read_json(runs / FOLDER / name / "metrics.json")
            sentence = " ".join(verdict_text(metrics, symbol=", ".join(metrics["config"]["symbols"])).sentences)
        except (RunError, KeyError, TypeError):
            continue
        if (folder / portfolio_page(name)).exists():
            entries.append({"sentence": sentence, "link": portfolio_page(name), "name": name})
    return entries


def _row(
    summary: RunSummary, backtest: BacktestRow, *, common: Mapping[str, str], pages: Collection[str]
) -> dict[str, Any]:
    """A row of the list. pages: names of the files that can be linked to."""
    page = f"{summary.run}.html"
    older = [(name, backtest_page(summary.run, name)) for name in reversed(summary.backtests[:-1])]
    settings = ", ".join(
        f"{name.replace('_', ' ')} {_brief(summary.settings[name])}"
        for name, value in common.items()
        if name in summary.settings and formatting.value(summary.settings[name]) != value
    )
    labels = " · ".join(filter(None, (summary.experiment, " ".join(f"#{tag}" for tag in summary.tags), summary.note)))
    row: dict[str, Any] = {
        "run": summary.run,
        "link": page if page in pages else None,
        "older": [(name.replace("_", " "), link) for name, link in older if link in pages][:_OLDER],
        "symbol": summary.symbol,
        "date": formatting.day(summary.created_at),
        "settings": settings,
        "labels": labels[:300],
        "experiment": summary.experiment,
        "skill": summary.skill or "",
        "answers": _answers(summary),
        "numbers": [_number(summary.number(name), write) for name, _, write in _NUMBERS],
        "growth": backtest.growth,
        "sentence": backtest.sentence,
    }
    row["words"] = " ".join((summary.run, summary.symbol, settings, row["labels"], row["answers"]))
    return row


def _answers(summary: RunSummary) -> str:
    """ "skill inconclusive, money better"."""
    answers = (("skill", summary.skill), ("money", summary.money))
    return ", ".join(f"{question} {answer}" for question, answer in answers if answer)


def _brief(setting: Any) -> str:
    """Of many features the first ones."""
    many = isinstance(setting, list | tuple) and len(setting) > 5
    return listed(list(map(str, setting)), at_most=3) if many else formatting.value(setting)


def _number(value: float | None, write: Any) -> tuple[str, str]:
    """The number to sort by, and as a person reads it."""
    return ("", formatting.DASH) if value is None else (f"{value:.6g}", write(value))


def _common_settings(listed: Sequence[RunSummary]) -> dict[str, str]:
    """The settings in which these runs differ, each with the value that most of them have."""
    readable = [summary for summary in listed if summary.settings]
    return {
        name: Counter(
            formatting.value(summary.settings[name]) for summary in readable if name in summary.settings
        ).most_common(1)[0][0]
        for name in differing_settings(readable)
        if name not in _OMITTED
    }


def _choices(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, list[str]]]:
    """What the list can be narrowed to: name of the filter, its title, its values; those with a choice."""
    values = {
        "skill": [answer for answer in _ANSWERS if any(row["skill"] == answer for row in rows)],
        "symbol": sorted({row["symbol"] for row in rows if row["symbol"]}),
        "experiment": sorted({row["experiment"] for row in rows if row["experiment"]}),
    }
    return [
        (name, name.capitalize(), options) for name, options in values.items() if len(options) > (name != "experiment")
    ]
