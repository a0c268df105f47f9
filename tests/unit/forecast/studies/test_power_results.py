"""What is kept of a calibration, and the page made of it."""

import json
import re
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
from forecast.studies.power_results import PowerStudy
from pipelines.errors import RunError
from tests.helpers.report_fixtures import POLICY, build_run
from tests.helpers.study_results import power_study


def test_a_calibration_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    study = power_study(tmp_path / "abc")
    power_results.save(study)
    restored = power_results.read(tmp_path / "abc")
    assert restored.about == study.about
    pd.testing.assert_frame_equal(restored.shares, study.shares)


def test_a_damaged_calibration_is_one_line_and_not_listed(tmp_path: Path) -> None:
    power_results.save(power_study(tmp_path / "good"))
    write_json(tmp_path / "bad" / "summary.json", {"rates": 3})
    with pytest.raises(RunError, match="is damaged"):
        power_results.read(tmp_path / "bad")
    assert [study.name for study in power_results.listed(tmp_path)] == ["good"]
    assert power_results.listed(tmp_path / "none") == []


def test_only_the_prices_may_differ_from_what_was_calibrated(tmp_path: Path) -> None:
    study, config = power_study(tmp_path), Experiment(symbol="AAPL", interval="1h").to_json()
    assert power_results.same_experiment(study, config, POLICY)
    assert not power_results.same_experiment(study, {**config, "units": 8}, POLICY)
    assert not power_results.same_experiment(study, config, {**POLICY, "fee_bps": 0.0})
    assert not power_results.same_experiment(study, {"symbol": "AAPL", "colour": 1}, POLICY)


def test_the_short_table_counts_skill_against_the_base_rate_where_there_is_an_edge_and_claims_where_there_is_none(
    tmp_path: Path,
) -> None:
    assert controls.skill_counts(power_study(tmp_path).shares) == (
        ["lstm"],
        [
            ("no edge", ["0 of 20"]),
            ("an edge at a lag of 1 bar, 0.1", ["12 of 20"]),
            ("an edge at a lag of 1 bar, 0.2", ["20 of 20"]),
        ],
    )


def test_the_page_has_the_table_the_curve_and_the_smallest_edge(tmp_path: Path) -> None:
    study = power_study(tmp_path / "abc")
    html = write_controls(study, folder=tmp_path).read_text().replace("\u00a0", " ")
    assert "Without an edge a claim was made in at most 5.0 % of 20 markets" in html
    assert "an edge at a lag of 1 bar is found with 80 % power from a correlation of 0.15" in html
    assert "<dt>The other comparisons (2)</dt><dd>at none of the edges tried</dd>" in html.replace("\n", "")
    assert "<dd>from 0.15</dd>" in html  # 12 of 20 at 0.1, 20 of 20 at 0.2: 16 of 20 in the middle
    (figure,) = json.loads(html.split('id="figures">')[1].split("</script>")[0])["figures"].values()
    (line,) = [trace for trace in figure["data"] if trace["name"] == "skill: LSTM − base rate"]
    assert (line["x"], line["y"]) == ([0.0, 0.1, 0.2], [0.0, 0.6, 1.0])
    assert line["error_y"]["arrayminus"][1] == pytest.approx(0.6 - 0.3866, abs=1e-4)  # Wilson, 12 of 20
    index = write_index([], folder=tmp_path, calibrations=[study]).read_text()
    assert 'href="calibration-abc.html"' in index
    assert "calibration-abc" not in write_index([], folder=tmp_path).read_text()


def test_without_planted_edges_there_is_a_table_and_no_curve(tmp_path: Path) -> None:
    study = power_study(tmp_path)
    idle = replace(study, shares=study.shares[study.shares["edge"] == 0])
    html = write_controls(idle, folder=tmp_path).read_text()
    assert "data-chart" not in html.split("<script")[0]
    assert controls.smallest(idle.shares) == []


def test_a_report_says_what_was_measured_for_the_same_experiment(tmp_path: Path) -> None:
    run = build_run(tmp_path / "runs", bars=500)
    context = gather(run, backtest="default")
    assert power_section.measured(context, []) == ""
    like_the_study = replace(context, about={**context.about, "config": Experiment(symbol="AAPL").to_json()})
    study = power_study(tmp_path / "abc")
    sentence = power_section.measured(like_the_study, [study])
    assert "where nothing is planted a claim was made in at most 5.0 % of the markets" in sentence
    assert "was found with 80 % power from a correlation of 0.15" in sentence
    assert power_section.measured(context, [study]) == ""  # trained on other features


def with_effects(folder: Path) -> PowerStudy:
    """Three markets without an edge that state these effects, of 1,000 days each."""
    stated = {("skill", "base_rate"): [0.06, 0.08, 0.1], ("money", "cash"): [0.0008, 0.001, 0.0012]}
    answers = [
        {
            "question": question, "kind": "none", "edge": 0.0, "model": "lstm", "benchmark": benchmark,
            "answer": "inconclusive", "difference": 0.0, "minimum_detectable_effect": effect, "observations": 1000,
            "unit": "rank_ic" if question == "skill" else "day", "costs": None if question == "skill" else -0.0003,
            "larger_days": effect * 0.75, "larger_symbols": effect / 1.6, "larger_seeds": effect * 0.9,
        }
        for (question, benchmark), effects in stated.items()
        for effect in effects
    ]  # fmt: skip
    study = power_study(folder)
    return replace(study, shares=power_results.rates(pd.DataFrame(answers)))


def test_the_smallest_effect_and_those_of_larger_experiments_are_the_medians_of_the_markets(tmp_path: Path) -> None:
    skill, money = power_results.smallest_effects(with_effects(tmp_path).shares)
    assert (skill.effect, money.effect) == (pytest.approx(0.08), pytest.approx(0.001))
    assert skill.larger is not None
    assert [skill.larger.days, skill.larger.symbols, skill.larger.seeds] == pytest.approx([0.06, 0.05, 0.072])


def test_page_and_sentences_say_what_would_find_less(tmp_path: Path) -> None:
    sentences = power_section.effects(with_effects(tmp_path))
    assert sentences == [
        "The smallest skill found with 80 % power is a rank IC of 0.080 (the LSTM against the base rate, "
        "1\u202f000 days).",
        "The smallest gain found with 80 % power, where its skill is found, is 25.2 % per year more than cash "
        "(the LSTM).",
        "Smaller differences would be found (80 % power) with four times the days of data (rank IC 0.060, 18.9 % per "
        "year), with a panel of 10 such symbols that correlate by 0.2 (rank IC 0.050, 15.8 % per year) or with four "
        "times the seeds (rank IC 0.072, 22.7 % per year).",
        "Lower costs let less skill pay: 7.6 % per year went into costs, 2.5 % for each basis point.",
        "Another label can do the same: with --horizon 5 forecasts change more slowly and less is traded; whether that "
        "finds as much skill, the same command with it says.",
    ]
    html = write_controls(with_effects(tmp_path), folder=tmp_path).read_text().replace("\u00a0", " ")
    text = re.sub(r"<[^>]+>", "", html)
    assert all(sentence in text for sentence in sentences)


def test_missing_effects_are_null_in_json_and_say_nothing(tmp_path: Path) -> None:
    study = power_study(tmp_path / "abc")
    assert {record["minimum_detectable_effect"] for record in power_results.records(study.shares)} == {None}
    assert power_section.effects(study) == []
    power_results.save(with_effects(tmp_path / "abc"))
    assert power_section.effects(power_results.read(tmp_path / "abc"))
