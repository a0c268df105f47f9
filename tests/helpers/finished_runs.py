"""A finished run of today's format on made-up prices, written by the code that training uses; nothing is trained."""

import json
from pathlib import Path

from forecast.runs.io import read_parquet
from forecast.runs.run import Run, create_run
from tests.helpers.trading_fixtures import tradable_run

CERTIFICATE = {"passed": True, "cuts": [], "compared": 0, "failures": [], "unverifiable": [], "feature_cuts": 300,
               "random_cuts": 150, "detectable_share": 0.019773}  # fmt: skip


def finished_run(runs: Path, **options) -> Run:
    """options: as `tradable_run` takes them."""
    model = tradable_run(runs.parent / "model", **options)
    described = json.loads((model.folder / "run.json").read_text())
    described["versions"] = {**described["versions"], "tick-forecast": "0.1.0"}
    tables = {name: read_parquet(model.folder / f"{name}.parquet") for name in ("predictions", "validation", "history")}
    run = create_run(runs, model.name, description=described, bars=model.bars())
    run.finish(**tables, certificate=CERTIFICATE, seconds=1.0)
    return run
