"""Several runs on one page: what differs, what each earned, and growth in one picture."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from forecast.evaluation.run_comparison import ComparedRun, RunDifference, differing
from forecast.report import formatting
from forecast.report.charts import growth_lines
from forecast.report.document import environment
from forecast.report.sections import run_comparison as section
from pipelines.files import write_atomically


def write_run_comparison(
    compared: Sequence[ComparedRun], differences: Sequence[RunDifference], *, folder: Path
) -> Path:
    """Writes `<folder>/compare-<digest of the runs and backtests>.html` and returns its path."""
    names = [entry.run.name for entry in compared]
    symbols = dict.fromkeys(str(entry.settings["symbol"]) for entry in compared)
    accounts = [
        (f"{formatting.label(account.model)}, {account.run}", account.days, account.ensemble)
        for entry in compared
        for account in entry.accounts[:2]
        if len(account.days)
    ]
    html = environment().get_template("run_comparison.html.j2").render(
        title=f"{len(compared)} runs compared",
        eyebrow=" · ".join(symbols),
        sentences=[section.sentence(difference) for difference in differences],
        growth=growth_lines.picture(accounts),
        headings=section.HEADINGS,
        rows=[{"cells": row, "link": _page(folder, row[0])} for row in section.numbers(compared)],
        runs=names,
        settings=[
            (name.replace("_", " "), [formatting.value(value) for value in values])
            for name, values in differing(compared).items()
        ],
    )  # fmt: skip
    return write_atomically(folder / page_name(compared), html.encode())


def page_name(compared: Sequence[ComparedRun]) -> str:
    """The file name of a comparison's page: the same runs and backtests give the same one."""
    text = "\n".join(f"{entry.run.name} {entry.backtest}" for entry in compared)
    return f"compare-{hashlib.sha256(text.encode()).hexdigest()[:10]}.html"


def _page(folder: Path, run: str) -> str | None:
    name = f"{run}.html"
    return name if (folder / name).exists() else None
