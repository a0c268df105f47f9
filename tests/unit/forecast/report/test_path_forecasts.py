"""Paths in a report: the loss by step and the fan, against numbers worked out by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.report import write_report
from forecast.report.charts import path_forecasts, training
from forecast.report.context import PageContext, gather
from forecast.runs.io import write_parquet
from forecast.runs.run import Run
from tests.helpers.report_fixtures import build_run

MODEL = "lstm_encoder_decoder"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One fold, two seeds that err to both sides of the truth by half a unit; the unit is 0.01."""
    path_run = build_run(
        tmp_path_factory.mktemp("data") / "runs", bars=400, folds=1, seeds=2, networks=("lstm", MODEL), rng_seed=3
    )
    days = pd.date_range("2006-01-02", periods=41, tz="UTC")
    rng = np.random.default_rng(0)
    frames = []
    for day, part in zip(days, ["validation"] * 40 + ["test"], strict=True):
        came = rng.normal(0, 0.01, 3)
        for seed, side in ((0, 0.005), (1, -0.005)):
            columns = {"step": [1, 2, 3], "predicted": np.full(3, side), "came": came, "volatility": 0.01}
            frames.append(
                pd.DataFrame({"model": MODEL, "fold": 0, "seed": seed, "part": part, "decided_at": day, **columns})
            )
    write_parquet(path_run.folder / "paths.parquet", pd.concat(frames, ignore_index=True))
    return path_run


@pytest.fixture(scope="module")
def context(run: Run) -> PageContext:
    return gather(run, backtest="default")


def came(run: Run, part: str) -> np.ndarray:
    rows = run.paths()
    assert rows is not None
    return rows[(rows["part"] == part) & (rows["seed"] == 0)]["came"].to_numpy().reshape(-1, 3)


def test_the_loss_of_a_step_is_of_the_seeds_mean_in_units_of_volatility(run: Run, context: PageContext) -> None:
    figure = path_forecasts.loss_by_step(context)
    assert figure is not None
    lines = {trace["name"]: trace for trace in figure["data"]}
    assert set(lines) == {"LSTM encoder-decoder, test", "LSTM encoder-decoder, validation", "No move, test"}
    mean_of_seeds_is_no_move = (came(run, "validation") / 0.01) ** 2
    assert lines["LSTM encoder-decoder, validation"]["y"] == pytest.approx(
        mean_of_seeds_is_no_move.mean(axis=0), rel=1e-5
    )
    assert lines["LSTM encoder-decoder, test"]["y"] == lines["No move, test"]["y"]


def test_the_fan_holds_what_was_missed_on_validation_rows_and_shows_what_came(run: Run, context: PageContext) -> None:
    [(title, figure)] = path_forecasts.fans(context)
    assert title == "LSTM encoder-decoder, decided 2006-02-11 00:00 UTC"
    lines = {trace["name"]: trace["y"] for trace in figure["data"]}
    assert lines["Forecast"] == [0, 0, 0, 0]
    assert lines["Realised return"] == pytest.approx(np.expm1(np.append(0, np.cumsum(came(run, "test")[0]))), rel=1e-5)
    missed = np.cumsum(came(run, "validation"), axis=1)
    for name, share in (("90 % band, lower", 0.05), ("50 % band, upper", 0.75)):
        expected = np.expm1(np.append(0, np.quantile(missed, share, axis=0)))
        assert lines[f"{name} end"] == pytest.approx(expected, rel=1e-5)


def test_a_run_without_paths_has_none_of_it(context: PageContext) -> None:
    bare = replace(context, paths=None)
    assert path_forecasts.loss_by_step(bare) is None
    assert path_forecasts.fans(bare) == []


def test_losses_of_paths_and_of_chances_are_drawn_apart(context: PageContext) -> None:
    titles = [title for title, _ in training.learning(context)]
    assert titles == ["Fold 0", "Squared error of paths, fold 0"]
    names = [{trace["name"].partition(",")[0] for trace in figure["data"]} for _, figure in training.learning(context)]
    assert names == [{"LSTM"}, {"LSTM encoder-decoder"}]


def test_the_page_has_the_path_ahead(run: Run, tmp_path: Path) -> None:
    html = write_report(run, backtest="default", folder=tmp_path).read_text()
    assert "Multi-step forecasts" in html
    assert 'data-chart="fan-0"' in html
