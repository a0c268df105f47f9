"""The list of runs and calibrations, each with what it found and a link to its page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forecast.power import Calibration
from forecast.report import words
from forecast.report.controls import page_name, sentence
from forecast.report.page import environment
from forecast.runs import Run
from pipelines.errors import RunError
from pipelines.files import write_atomically


def write_index(runs: Sequence[Run], *, folder: Path, calibrations: Sequence[Calibration] = ()) -> Path:
    """Writes `<folder>/index.html` and returns its path. runs: newest first; a damaged one is listed as such."""
    entries = [_entry(run, folder=folder) for run in runs]
    controls = [
        {"link": page_name(each), "sentence": sentence(each.shares), "date": words.day(each.about["created_at"])}
        for each in calibrations
        if (folder / page_name(each)).exists()
    ]
    html = environment().get_template("index.html.j2").render(entries=entries, controls=controls)
    return write_atomically(folder / "index.html", html.encode())


def _entry(run: Run, *, folder: Path) -> dict[str, Any]:
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
        entry["date"] = words.day(about.get("created_at", ""))
        names = run.backtests()
        if not run.finished:
            return {**entry, "sentence": "Not finished. The same 'forecast train' goes on with it."}
        if not names:
            return {**entry, "sentence": f"No backtest yet: forecast backtest {run.name}"}
        verdict = run.metrics(names[-1])["verdict"]
        return {**entry, "sentence": verdict["sentence"], "answer": verdict["answer"]}
    except (RunError, KeyError, TypeError, AttributeError) as error:
        return {**entry, "sentence": f"Cannot be read: {error}"}
