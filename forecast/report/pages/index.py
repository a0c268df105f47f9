"""The list of runs, portfolios and calibrations, each with what it found and a link to its page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forecast.evaluation.portfolio import FOLDER, list_portfolios
from forecast.report import formatting
from forecast.report.document import environment
from forecast.report.pages.portfolio import page_name as portfolio_page
from forecast.report.pages.power import page_name, sentence
from forecast.report.sections.families import together
from forecast.report.sections.verdict import verdict_text
from forecast.runs.io import read_json
from forecast.runs.run import Run
from forecast.statistics.families import joint_families
from forecast.statistics.verdict import Verdict
from forecast.studies.power_results import PowerStudy
from pipelines.errors import RunError
from pipelines.files import write_atomically


def write_index(runs: Sequence[Run], *, folder: Path, calibrations: Sequence[PowerStudy] = ()) -> Path:
    """Writes `<folder>/index.html` and returns its path. runs: newest first; a damaged one is listed as such.

    The portfolios beside the runs are listed, too.
    """
    entries, verdicts = [], []
    for run in runs:
        entry, verdict = _entry(run, folder=folder)
        entries.append(entry)
        if verdict is not None:
            verdicts.append((run.name, str(entry["symbol"]), verdict))
    controls = [
        {"link": page_name(each), "sentence": sentence(each.shares), "date": formatting.day(each.about["created_at"])}
        for each in calibrations
        if (folder / page_name(each)).exists()
    ]
    joined = [each for place in {run.folder.parent: None for run in runs} for each in _portfolios(place, folder=folder)]
    html = environment().get_template("index.html.j2").render(
        entries=entries, controls=controls, portfolios=joined, together=together(joint_families(verdicts))
    )  # fmt: skip
    return write_atomically(folder / "index.html", html.encode())


def _portfolios(runs: Path, *, folder: Path) -> list[dict[str, str]]:
    """The portfolios that have a page, newest first; a damaged one is passed over."""
    found = []
    for name in list_portfolios(runs):
        try:
            metrics = read_json(runs / FOLDER / name / "metrics.json")
            sentence = " ".join(verdict_text(metrics, symbol=", ".join(metrics["config"]["symbols"])).sentences)
        except (RunError, KeyError, TypeError):
            continue
        if (folder / portfolio_page(name)).exists():
            found.append({"sentence": sentence, "link": portfolio_page(name), "name": name})
    return found


def _entry(run: Run, *, folder: Path) -> tuple[dict[str, Any], Verdict | None]:
    """A row of the list, and the verdict of the newest backtest, None where there is none to read."""
    page = f"{run.name}.html"
    entry = {
        "run": run.name,
        "link": page if (folder / page).exists() else None,
        "answer": "",
        "symbol": "",
        "date": "",
    }
    try:
        about = run.describe()
        entry["symbol"] = about.get("config", {}).get("symbol", "")
        entry["date"] = formatting.day(about.get("created_at", ""))
        names = run.backtests()
        if not run.finished:
            return {**entry, "sentence": "Not finished. The same 'forecast train' resumes it."}, None
        if not names:
            return {**entry, "sentence": f"No backtest yet: forecast backtest {run.name}"}, None
        metrics = run.metrics(names[-1])
        text = verdict_text(metrics, symbol=str(entry["symbol"]))
        answer = metrics["verdict"]["skill"] or ""
        return {**entry, "sentence": " ".join(text.sentences), "answer": answer}, Verdict.from_json(metrics["verdict"])
    except (RunError, KeyError, TypeError, AttributeError) as error:
        return {**entry, "sentence": f"Cannot be read: {error}"}, None
