"""Topologies through the whole chain: trained, certified, traded, reported, and asked for today's signal."""

import json

import numpy as np
import pandas as pd

from forecast.runs.catalog import open_run
from tests.helpers.command_line import forecast_here

TRAINING_OPTIONS = (
    "--folds", "2", "--seeds", "1", "--epochs", "2", "--units", "3", "--window", "6", "--end", "2002-12-31",
    "--horizon", "2", "--baseline", "previous_sign", "--dropout", "0.1",
    "--model", "lstm_encoder_decoder", "--model", "gru_in_step",
)  # fmt: skip


def test_a_path_and_an_answer_in_step_are_trained_traded_and_asked_for_today(tmp_path):
    forecast = forecast_here(tmp_path)
    forecast("fetch", "AAPL", "--source", "sample")
    forecast("train", "AAPL", *TRAINING_OPTIONS)
    run = open_run(tmp_path / "data" / "runs")
    certificate = run.certificate()
    assert certificate is not None
    assert certificate["passed"], certificate["failures"]
    rows = run.paths()
    assert rows is not None
    tested = rows[rows["part"] == "test"]
    total = tested.groupby("decided_at")["came"].sum()
    predictions = run.predictions().query("model == 'lstm_encoder_decoder'").set_index("decided_at")
    np.testing.assert_allclose(np.expm1(total), predictions["forward_return"].loc[total.index], rtol=1e-9)
    side = tested.groupby("decided_at")["predicted"].sum() > 0
    pd.testing.assert_series_equal(side, predictions["probability"].loc[side.index] > 0.5, check_names=False)
    output = forecast("backtest").stdout
    assert "LSTM encoder-decoder" in output
    assert "GRU in step" in output
    assert "Multi-step forecasts" in (tmp_path / "reports" / f"{run.name}.html").read_text()
    answer = json.loads(forecast("signal", "--json", code=3).stdout)  # the sample is old
    assert {signal["model"] for signal in answer["signals"]} == {"lstm_encoder_decoder", "gru_in_step"}
    remembered = json.loads(forecast("inspect", "--json").stdout)
    assert remembered["gated"] == {"lstm_encoder_decoder": "lstm", "gru_in_step": "gru"}
    assert remembered["largest_difference_from_stored_probabilities"] < 1e-5
    assert "Update gate" in (tmp_path / "reports" / f"{run.name}-memory.html").read_text()
