"""The window-length ablation: the same decisions, the same rows, kept trainings, and what is said of it."""

import json

import numpy as np
import pandas as pd
import pytest

from forecast.config.experiment import Experiment
from forecast.datasets.dataset import Dataset, prepare
from forecast.report.sections import window_ablation as ablation_section
from forecast.studies.window_ablation import Ablation, shortened
from pipelines.errors import ConfigError
from pipelines.preprocessing.windows import gather
from pipelines.sources.synthetic import random_walk
from tests.helpers.command_line import forecast_here, only_line


@pytest.fixture(scope="module")
def data() -> Dataset:
    return prepare(random_walk(bars=600, seed=0), Experiment(symbol="MADE", window=10, folds=3))


def test_every_window_learns_from_the_same_rows_and_is_tested_on_the_runs_own(data):
    datasets = {steps: shortened(data, steps, longest=40) for steps in (5, 10, 40)}
    for steps, dataset in datasets.items():
        assert dataset.windows.steps == steps
        for fold, own in zip(dataset.folds, data.folds, strict=True):
            np.testing.assert_array_equal(fold.test, own.test)
            np.testing.assert_array_equal(fold.validation, own.validation)
            np.testing.assert_array_equal(fold.train, datasets[5].folds[fold.number].train)
            complete = dataset.windows.values[dataset.windows.ends[fold.train[0]] - 39 :]
            assert np.isfinite(complete).all()
            assert len(own.train) - len(fold.train) == 30  # the rows that 40 bars have not and 10 have
        # row 0 fills batches up, with weight 0
        of_all = gather(dataset.windows.values, dataset.windows.ends, steps=steps)
        assert np.isfinite(of_all).all()
    assert datasets[5].scalers[0].mean[0] != datasets[40].scalers[0].mean[0]  # of the bars that their own windows cover


def test_windows_too_long_for_a_fold_are_refused(data):
    with pytest.raises(ConfigError, match="with a window of 300 bars"):
        shortened(data, 10, longest=300)


def test_the_sentence_says_where_it_pays_and_where_that_cannot_be_told():
    rows = [("lstm", 5, "worse"), ("lstm", 10, None), ("lstm", 20, "inconclusive"), ("lstm", 40, "better"),
            ("simple_rnn", 5, "inconclusive"), ("simple_rnn", 10, None),
            ("simple_rnn", 20, "inconclusive")]  # fmt: skip
    table = pd.DataFrame(rows, columns=["model", "window", "answer"])
    assert ablation_section.sentence(Ablation(table=table, window=10)) == (
        "The LSTM, against its 10 bars: better at 40 bars, worse at 5 bars. The SimpleRNN, against its 10 bars: "
        "no significant difference for a longer one, no significant difference for a shorter one."
    )


def test_the_ablation_of_a_run_trains_once_and_then_answers_from_what_is_kept(trained, tmp_path):
    import shutil

    shutil.copytree(trained / "data", tmp_path / "data")
    run = forecast_here(tmp_path)
    done = run("inspect", "--ablation", "12", "--json")
    assert "diverged" not in done.stderr
    answer = json.loads(done.stdout)
    assert [(row["model"], row["window"]) for row in answer["rows"]] == [
        ("simple_rnn", 10), ("simple_rnn", 12), ("lstm", 10), ("lstm", 12),
    ]  # fmt: skip
    assert all(abs(row["log_loss"] - np.log(2)) > 1e-6 for row in answer["rows"])
    first = answer["rows"][1]
    assert first["low"] <= first["difference"] <= first["high"]
    assert first["level"] == pytest.approx(1 - 0.05 / 2)
    again = run("inspect", "--ablation", "12")
    assert "Resuming: 16 of 16 members were finished before." in again.stderr
    assert answer["sentence"] in again.stdout
    run("inspect")
    page = next((tmp_path / "reports").glob("*-memory.html")).read_text()
    assert answer["sentence"].replace("'", "&#39;") in page
    assert '<th scope="row">LSTM, window 12</th>' in page
    assert "Expected ablation as a whole number from 1" in only_line(run("inspect", "--ablation", "0", code=2).stderr)
