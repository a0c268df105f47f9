"""What is kept of a calibration, and the page made of it."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from forecast.config.experiment import Experiment
from forecast.report import write_controls, write_index
from forecast.report.context import gather
from forecast.report.pages import power as controls
from forecast.report.sections import power as sight
from forecast.runs.io import write_json
from forecast.studies import power_results
from forecast.studies.power_results import PowerStudy
from pipelines.errors import RunError
from tests.helpers.report_fixtures import POLICY, build_run

SHARES = [  # kind, edge, model, rival, better of 20 markets
    ("none", 0.0, "lstm", "simple_rnn", 1),
    ("none", 0.0, "lstm", "always_flat", 0),
    ("none", 0.0, "lstm", "best_baseline", 0),
    ("lag-1", 0.1, "lstm", "simple_rnn", 0),
    ("lag-1", 0.1, "lstm", "always_flat", 12),
    ("lag-1", 0.1, "lstm", "best_baseline", 0),
    ("lag-1", 0.2, "lstm", "simple_rnn", 2),
    ("lag-1", 0.2, "lstm", "always_flat", 20),
    ("lag-1", 0.2, "lstm", "best_baseline", 1),
]


def calibration(folder: Path) -> PowerStudy:
    answers = [
        {"kind": kind, "edge": edge, "model": model, "rival": rival, "answer": answer}
        for kind, edge, model, rival, better in SHARES
        for answer in ["better"] * better + ["cannot tell"] * (20 - better)
    ]
    return PowerStudy(
        folder=folder,
        about={
            "experiment": Experiment(symbol="CONTROL").to_json(), "rules": POLICY, "backend": "jax",
            "versions": {"python": "3.11.7"}, "market_bars": 5000, "command": "forecast calibrate --markets 20",
            "created_at": "2026-03-01T12:00:00+00:00",
        },
        shares=power_results.rates(pd.DataFrame(answers)),
    )  # fmt: skip


def test_a_calibration_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    made = calibration(tmp_path / "abc")
    power_results.save(made)
    found = power_results.read(tmp_path / "abc")
    assert found.about == made.about
    pd.testing.assert_frame_equal(found.shares, made.shares)


def test_a_damaged_calibration_is_one_line_and_not_listed(tmp_path: Path) -> None:
    power_results.save(calibration(tmp_path / "good"))
    write_json(tmp_path / "bad" / "summary.json", {"rates": 3})
    with pytest.raises(RunError, match="is damaged"):
        power_results.read(tmp_path / "bad")
    assert [each.name for each in power_results.listed(tmp_path)] == ["good"]
    assert power_results.listed(tmp_path / "none") == []


def test_only_the_prices_may_differ_from_what_was_calibrated(tmp_path: Path) -> None:
    made, config = calibration(tmp_path), Experiment(symbol="AAPL", interval="1h").to_json()
    assert power_results.same_experiment(made, config, POLICY)
    assert not power_results.same_experiment(made, {**config, "units": 8}, POLICY)
    assert not power_results.same_experiment(made, config, {**POLICY, "fee_bps": 0.0})
    assert not power_results.same_experiment(made, {"symbol": "AAPL", "colour": 1}, POLICY)


def test_whichever_baseline_was_the_best_is_one_rival() -> None:
    frame = pd.DataFrame({"rival": ["logistic", "boosting", "always_flat", "simple_rnn"]})
    assert list(power_results.best_named(frame)["rival"]) == [
        "best_baseline",
        "best_baseline",
        "always_flat",
        "simple_rnn",
    ]


def test_the_page_has_the_table_the_curve_and_the_smallest_edge(tmp_path: Path) -> None:
    made = calibration(tmp_path / "abc")
    html = write_controls(made, folder=tmp_path).read_text().replace("\u00a0", " ")
    assert "“better” was said in at most 5.0 % of 20 markets" in html
    assert "an edge at a lag of 1 bar is seen 4 times in 5 from a correlation of 0.15 on" in html
    assert "<dd>from 0.15 on</dd>" in html  # 12 of 20 at 0.1, 20 of 20 at 0.2: 16 of 20 in the middle
    (figure,) = json.loads(html.split('id="figures">')[1].split("</script>")[0]).values()
    (line,) = [each for each in figure["data"] if each["name"] == "LSTM − always flat"]
    assert (line["x"], line["y"]) == ([0.0, 0.1, 0.2], [0.0, 0.6, 1.0])
    assert line["error_y"]["arrayminus"][1] == pytest.approx(0.6 - 0.3866, abs=1e-4)  # Wilson, 12 of 20
    index = write_index([], folder=tmp_path, calibrations=[made]).read_text()
    assert 'href="calibration-abc.html"' in index
    assert "calibration-abc" not in write_index([], folder=tmp_path).read_text()


def test_without_planted_edges_there_is_a_table_and_no_curve(tmp_path: Path) -> None:
    made = calibration(tmp_path)
    idle = replace(made, shares=made.shares[made.shares["edge"] == 0])
    html = write_controls(idle, folder=tmp_path).read_text()
    assert "data-chart" not in html.split("<script")[0]
    assert controls.smallest(idle.shares) == []


def test_a_report_says_what_it_could_have_seen_and_what_was_measured(tmp_path: Path) -> None:
    run = build_run(tmp_path / "runs", bars=500)
    material = gather(run, backtest="default")
    assert sight.sentence(material).startswith(
        "What it could have seen: a true difference between the two networks of "
    )
    assert sight.rows(material)[0]["who"] == "LSTM − SimpleRNN"
    assert sight.measured(material, []) == ""
    same = replace(material, about={**material.about, "config": Experiment(symbol="AAPL").to_json()})
    made = calibration(tmp_path / "abc")
    assert "an edge that is not there was seen in at most 5.0 % of them" in sight.measured(same, [made])
    assert sight.measured(material, [made]) == ""  # trained on other features
    old = replace(material, metrics={**material.metrics, "evidence": {}})
    assert (sight.sentence(old), sight.rows(old)) == ("", [])
