"""The list of runs to sort, filter and search; portfolios and power studies below it, each with a link to its page."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from forecast.config import model_registry
from forecast.evaluation.portfolio import FOLDER, list_portfolios
from forecast.report import formatting
from forecast.report.document import environment
from forecast.report.pages.portfolio import page_name as portfolio_page
from forecast.report.pages.power import page_name, sentence
from forecast.report.sections.families import together
from forecast.report.sections.verdict import verdict_text
from forecast.runs.io import read_json
from forecast.runs.overview import RunSummary, differing_settings, summaries
from forecast.runs.run import Run
from forecast.statistics.comparisons import BUY_AND_HOLD
from forecast.statistics.families import joint_families
from forecast.statistics.verdict import Verdict
from forecast.studies.power_results import PowerStudy
from pipelines.errors import RunError
from pipelines.files import write_atomically

_NUMBERS = (
    ("sharpe", "Sharpe", formatting.number),
    ("annual_return", "Return per year", formatting.percent),
    ("max_drawdown", "Max. drawdown", formatting.percent),
    ("trades", "Trades", formatting.count),
)
_WIDTH, _HEIGHT = 100, 28  # of a growth picture
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
    usual = _usual_settings([summary for _, summary in listed])
    rows, verdicts = [], []
    for run, summary in listed:
        row, verdict = _row(run, summary, usual=usual, folder=folder)
        rows.append(row)
        if verdict is not None:
            verdicts.append((run.name, summary.symbol, verdict))
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
    run: Run, summary: RunSummary, *, usual: Mapping[str, str], folder: Path
) -> tuple[dict[str, Any], Verdict | None]:
    """A row of the list, and the verdict of the newest backtest, None where there is none to read."""
    page = f"{run.name}.html"
    settings = ", ".join(
        f"{name.replace('_', ' ')} {formatting.value(summary.settings[name])}"
        for name, value in usual.items()
        if name in summary.settings and formatting.value(summary.settings[name]) != value
    )
    labels = " · ".join(filter(None, (summary.experiment, " ".join(f"#{tag}" for tag in summary.tags), summary.note)))
    row: dict[str, Any] = {
        "run": run.name,
        "link": page if (folder / page).exists() else None,
        "symbol": summary.symbol,
        "date": formatting.day(summary.created_at),
        "settings": settings,
        "labels": labels[:300],
        "experiment": summary.experiment,
        "skill": summary.skill or "",
        "answers": _answers(summary),
        "numbers": [_number(summary.number(name), write) for name, _, write in _NUMBERS],
        "growth": None,
    }
    row["sentence"], verdict, growth = _verdict(run, summary)
    if growth and summary.model is not None:
        row["growth"] = _picture(growth, summary.model)
    row["words"] = " ".join((run.name, summary.symbol, settings, row["labels"], row["answers"]))
    return row, verdict


def _verdict(run: Run, summary: RunSummary) -> tuple[str, Verdict | None, Mapping[str, Sequence[float]]]:
    """What a run's newest backtest says, its verdict and its growth; why there is none."""
    if summary.status == "unfinished":
        return "Not finished. The same 'forecast train' resumes it.", None, {}
    if summary.status == "unreadable":
        return f"Cannot be read: {summary.problem}", None, {}
    if not summary.backtests:
        return f"No backtest yet: forecast backtest {run.name}", None, {}
    try:
        metrics = run.metrics(summary.backtests[-1])
        text = " ".join(verdict_text(metrics, symbol=summary.symbol).sentences)
        return text, Verdict.from_json(metrics["verdict"]), metrics.get("growth") or {}
    except (RunError, KeyError, TypeError, AttributeError) as error:
        return f"Cannot be read: {error}", None, {}


def _answers(summary: RunSummary) -> str:
    """ "skill inconclusive, money better"."""
    answers = (("skill", summary.skill), ("money", summary.money))
    return ", ".join(f"{question} {answer}" for question, answer in answers if answer)


def _number(value: float | None, write: Any) -> tuple[str, str]:
    """The number to sort by, and as a person reads it."""
    return ("", formatting.DASH) if value is None else (f"{value:.6g}", write(value))


def _usual_settings(listed: Sequence[RunSummary]) -> dict[str, str]:
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


def _picture(growth: Mapping[str, Sequence[float]], model: str) -> dict[str, str] | None:
    """Growth of a model and of buy-and-hold as the points of two lines, on one logarithmic scale."""
    lines = {name: np.log(np.maximum(growth[name], 1e-6)) for name in (model, BUY_AND_HOLD) if growth.get(name)}
    if model not in lines:
        return None
    low, high = min(line.min() for line in lines.values()), max(line.max() for line in lines.values())
    scale = (_HEIGHT - 2) / max(float(high - low), 1e-9)

    def points(line: Any) -> str:
        x = np.linspace(0, _WIDTH, len(line)).round(1)
        y = (_HEIGHT - 1 - scale * (line - low)).round(1)
        return " ".join(f"{at:g},{height:g}" for at, height in zip(x, y, strict=True))

    return {
        "own": points(lines[model]),
        "held": points(lines[BUY_AND_HOLD]) if BUY_AND_HOLD in lines else "",
        "colour": model_registry.colour(model),
        "end": formatting.number(growth[model][-1]),
    }
