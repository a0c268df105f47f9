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
from forecast.report.sections import power as power_section
from forecast.runs.io import write_json
from forecast.studies import power_results
from pipelines.errors import RunError
from tests.helpers.report_fixtures import POLICY, build_run
from tests.helpers.study_results import power_study


def test_a_calibration_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    made = power_study(tmp_path / "abc")
    power_results.save(made)
    found = power_results.read(tmp_path / "abc")
    assert found.about == made.about
    pd.testing.assert_frame_equal(found.shares, made.shares)


def test_a_damaged_calibration_is_one_line_and_not_listed(tmp_path: Path) -> None:
    power_results.save(power_study(tmp_path / "good"))
    write_json(tmp_path / "bad" / "summary.json", {"rates": 3})
    with pytest.raises(RunError, match="is damaged"):
        power_results.read(tmp_path / "bad")
    assert [each.name for each in power_results.listed(tmp_path)] == ["good"]
    assert power_results.listed(tmp_path / "none") == []


def test_only_the_prices_may_differ_from_what_was_calibrated(tmp_path: Path) -> None:
    made, config = power_study(tmp_path), Experiment(symbol="AAPL", interval="1h").to_json()
    assert power_results.same_experiment(made, config, POLICY)
    assert not power_results.same_experiment(made, {**config, "units": 8}, POLICY)
    assert not power_results.same_experiment(made, config, {**POLICY, "fee_bps": 0.0})
    assert not power_results.same_experiment(made, {"symbol": "AAPL", "colour": 1}, POLICY)


def test_the_page_has_the_table_the_curve_and_the_smallest_edge(tmp_path: Path) -> None:
    made = power_study(tmp_path / "abc")
    html = write_controls(made, folder=tmp_path).read_text().replace("\u00a0", " ")
    assert "Without an edge a claim was made in at most 5.0 % of 20 markets" in html
    assert "an edge at a lag of 1 bar is found with 80 % power from a correlation of 0.15" in html
    assert "<dd>from 0.15</dd>" in html  # 12 of 20 at 0.1, 20 of 20 at 0.2: 16 of 20 in the middle
    (figure,) = json.loads(html.split('id="figures">')[1].split("</script>")[0]).values()
    (line,) = [each for each in figure["data"] if each["name"] == "skill: LSTM − base rate"]
    assert (line["x"], line["y"]) == ([0.0, 0.1, 0.2], [0.0, 0.6, 1.0])
    assert line["error_y"]["arrayminus"][1] == pytest.approx(0.6 - 0.3866, abs=1e-4)  # Wilson, 12 of 20
    index = write_index([], folder=tmp_path, calibrations=[made]).read_text()
    assert 'href="calibration-abc.html"' in index
    assert "calibration-abc" not in write_index([], folder=tmp_path).read_text()


def test_without_planted_edges_there_is_a_table_and_no_curve(tmp_path: Path) -> None:
    made = power_study(tmp_path)
    idle = replace(made, shares=made.shares[made.shares["edge"] == 0])
    html = write_controls(idle, folder=tmp_path).read_text()
    assert "data-chart" not in html.split("<script")[0]
    assert controls.smallest(idle.shares) == []


def test_a_report_says_what_was_measured_for_the_same_experiment(tmp_path: Path) -> None:
    run = build_run(tmp_path / "runs", bars=500)
    context = gather(run, backtest="default")
    assert power_section.measured(context, []) == ""
    same = replace(context, about={**context.about, "config": Experiment(symbol="AAPL").to_json()})
    study = power_study(tmp_path / "abc")
    sentence = power_section.measured(same, [study])
    assert "where nothing is planted a claim was made in at most 5.0 % of the markets" in sentence
    assert "was found with 80 % power from a correlation of 0.15" in sentence
    assert power_section.measured(context, [study]) == ""  # trained on other features
