"""Every file of a finished run that was changed is refused by name before a number of it is used."""

import shutil

import numpy as np
import pandas as pd
import pytest

from forecast.runs.catalog import open_run
from tests.helpers.command_line import forecast_here, only_line


def flip_four_bits(run):
    path = run.folder / "bars.parquet"
    content = bytearray(path.read_bytes())
    for place in np.random.default_rng(0).integers(100, len(content) - 100, 4):
        content[place] ^= 1
    path.write_bytes(content)


def rewrite(name, change):
    def damage(run):
        path = run.folder / name
        change(pd.read_parquet(path)).to_parquet(path, index=False)

    return damage


def first(column, value):
    def change(frame):
        frame.loc[0, column] = value
        return frame

    return change


DAMAGE = {
    "four bits": ("bars.parquet", flip_four_bits),
    "open 999": ("bars.parquet", rewrite("bars.parquet", first("open", 999.0))),
    "open -5": ("bars.parquet", rewrite("bars.parquet", first("open", -5.0))),
    "closed later": (
        "bars.parquet", rewrite("bars.parquet", lambda f: f.assign(closed_at=f["closed_at"] + pd.Timedelta("3D"))),
    ),
    "probability 2": ("predictions.parquet", rewrite("predictions.parquet", first("probability", 2.0))),
    "turned round": (
        "predictions.parquet", rewrite("predictions.parquet", lambda f: f.assign(probability=1 - f["probability"])),
    ),
    "targets 7": ("predictions.parquet", rewrite("predictions.parquet", lambda f: f.assign(target=7))),
    "two rows": ("predictions.parquet", rewrite("predictions.parquet", lambda f: f.head(2))),
    "no certificate": ("certificate.json", lambda run: (run.folder / "certificate.json").unlink()),
    "run.json": (
        "run.json", lambda run: (run.folder / "run.json").write_text(
            (run.folder / "run.json").read_text().replace('"calendar": "XNYS"', '"calendar": "XLON"')
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGE)
def test_a_backtest_of_a_damaged_run_is_refused_with_the_file_and_its_sha256(trained, tmp_path, case):
    shutil.copytree(trained / "data", tmp_path / "data")
    name, damage = DAMAGE[case]
    run = open_run(tmp_path / "data" / "runs")
    damage(run)
    line = only_line(forecast_here(tmp_path)("backtest", run.name, code=2).stderr)
    assert name in line
    assert "Expected sha256" in line or "is missing" in line
    assert not (run.folder / "backtests").exists()


def test_a_backtest_folder_that_is_a_link_is_refused_and_what_it_points_to_is_untouched(trained, tmp_path):
    shutil.copytree(trained / "data", tmp_path / "data")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "metrics.json").write_text("mine")
    run = open_run(tmp_path / "data" / "runs")
    (run.folder / "backtests").symlink_to(outside)
    assert "is a link" in only_line(forecast_here(tmp_path)("backtest", run.name, code=2).stderr)
    assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("metrics.json", "mine")]
