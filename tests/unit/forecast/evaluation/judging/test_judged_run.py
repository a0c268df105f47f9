"""Forecasts made elsewhere as a run: which bar decides, what is filled when, baselines, and what is refused."""

import html
import json
import re

import numpy as np
import pandas as pd
import pytest

from forecast.config.trading import TradingConfig
from forecast.evaluation.backtest import evaluate
from forecast.report import write_report
from forecast.runs import trial_log
from forecast.statistics.verdict import Verdict
from pipelines.errors import ForecastError
from tests.helpers.foreign_forecasts import days_of, judged, market, probabilities


@pytest.fixture(scope="module")
def source():
    return market()


def decisions(run, model="judged:forecast"):
    rows = run.predictions()
    return rows[rows["model"] == model].reset_index(drop=True)


def test_a_row_is_decided_at_the_close_of_its_day_and_filled_at_the_next_open(source, tmp_path):
    frame = probabilities(source, first=150, last=200)
    rows = decisions(judged(frame, source, tmp_path))
    raw = source.raw
    bar = np.arange(150, 201)
    assert (rows["decided_at"].dt.tz_localize(None).to_numpy() == raw.closed_at[bar]).all()
    assert (rows["entry_at"].dt.tz_localize(None).to_numpy() == raw.opened_at[bar + 1]).all()
    assert (rows["exit_at"].dt.tz_localize(None).to_numpy() == raw.opened_at[bar + 2]).all()
    np.testing.assert_array_equal(rows["forward_return"], raw.open[bar + 2] / raw.open[bar + 1] - 1.0)
    np.testing.assert_array_equal(rows["probability"], frame["probability"])


@pytest.mark.parametrize(
    ("rule", "earlier"),
    [
        ({"dated_by": "target"}, 1),
        ({"dated_by": "target", "horizon": 3}, 3),
        ({"decided_at": "open"}, 1),
        ({"decided_at": -2}, 2),
        ({"decided_at": 1}, -1),
    ],
)
def test_a_row_dated_otherwise_is_decided_so_many_bars_earlier(source, tmp_path, rule, earlier):
    rows = decisions(judged(probabilities(source, first=150, last=200), source, tmp_path, **rule))
    assert rows["decided_at"].iloc[0].tz_localize(None) == source.raw.closed_at[150 - earlier]


def test_a_run_judged_again_from_its_own_predictions_has_the_same_ledger_and_verdict(source, tmp_path):
    frame = pd.concat(
        [probabilities(source, edge=0.5, seed=seed).assign(seed=seed, model="mine") for seed in (0, 1, 2)]
    )
    run = judged(frame, source, tmp_path / "first")
    rules = TradingConfig(policy="long-short")
    first = evaluate(run, rules=rules)
    again = evaluate(judged(run.predictions(), source, tmp_path / "again", validation=None), rules=rules)
    pd.testing.assert_frame_equal(first.ledger, again.ledger, rtol=0, atol=1e-12)
    assert first.metrics["verdict"] == again.metrics["verdict"]


def test_the_same_forecasts_are_one_run_and_one_trial(source, tmp_path):
    runs = [judged(probabilities(source), source, tmp_path) for _ in range(2)]
    assert runs[0].name == runs[1].name
    assert "judged" in runs[0].name
    assert trial_log.read(tmp_path).of("XYZ") == 1
    other = judged(probabilities(source, seed=2), source, tmp_path)
    assert other.name != runs[0].name
    assert trial_log.read(tmp_path).of("XYZ") == 2


def test_baselines_learn_only_from_what_was_known_before_each_fold(source, tmp_path):
    run = judged(probabilities(source), source, tmp_path)
    rows = run.predictions()
    assert set(rows["model"]) == {"judged:forecast", "previous_sign", "logistic"}
    assert rows.groupby("model").size().nunique() == 1
    for fold in run.describe()["folds"]:
        assert pd.Timestamp(fold["train"]["last"]) < pd.Timestamp(fold["validation"]["first"])
        assert pd.Timestamp(fold["validation"]["last"]) < pd.Timestamp(fold["test"]["first"])
        assert fold["train"]["rows"] >= 50


def test_forecasts_that_begin_with_the_bars_are_judged_without_baselines_and_the_run_says_why(source, tmp_path):
    run = judged(probabilities(source, first=0, last=200), source, tmp_path)
    assert set(run.predictions()["model"]) == {"judged:forecast"}
    assert any("No baseline was trained" in note for note in run.describe()["judged"]["notes"])


def test_an_edge_is_told_from_none(source, tmp_path):
    answers = {}
    for edge in (0.0, 0.6):
        backtest = evaluate(judged(probabilities(source, edge=edge), source, tmp_path), rules=TradingConfig())
        verdict = Verdict.from_json(backtest.metrics["verdict"])
        answers[edge] = verdict.skill.answer
        assert [caveat.code for caveat in verdict.caveats].count("unseeded") == 1
    assert answers == {0.0: "inconclusive", 0.6: "better"}


def test_scores_and_their_signs_trade_alike(source, tmp_path):
    frame = probabilities(source, edge=0.5)
    scores = pd.DataFrame({"date": frame["date"], "score": frame["probability"] - 0.5})
    signals = pd.DataFrame({"date": frame["date"], "signal": np.where(frame["probability"] > 0.5, "buy", "sell")})
    numbers = pd.DataFrame({"date": frame["date"], "signal": np.where(frame["probability"] > 0.5, 1, -1)})
    ledgers = [
        evaluate(judged(table, source, tmp_path), rules=TradingConfig()).ledger.query("model == 'judged:forecast'")
        for table in (frame, scores, signals, numbers)
    ]
    for other in ledgers[1:]:
        np.testing.assert_array_equal(ledgers[0]["net_return"], other["net_return"])


def test_scores_keep_their_ranks_and_have_no_log_loss(source, tmp_path):
    frame = probabilities(source, edge=0.5)
    scores = pd.DataFrame({"date": frame["date"], "y_hat": np.log(frame["probability"] / (1 - frame["probability"]))})
    backtests = [evaluate(judged(table, source, tmp_path), rules=TradingConfig()) for table in (frame, scores)]
    skill = [Verdict.from_json(backtest.metrics["verdict"]).skill for backtest in backtests]
    assert skill[0].difference == pytest.approx(skill[1].difference, abs=1e-12)
    assert backtests[0].metrics["prediction"]["judged:forecast"]["ensemble"]["log_loss"] is not None
    assert backtests[1].metrics["prediction"]["judged:forecast"]["ensemble"]["log_loss"] is None


def test_forecast_prices_are_returns_from_the_close_of_their_decision(source, tmp_path):
    bar = np.arange(150, 201)
    frame = pd.DataFrame({"ds": days_of(source, 150, 200), "yhat": source.raw.close[bar] * np.linspace(0.99, 1.01, 51)})
    rows = decisions(judged(frame, source, tmp_path, values="price"))
    score = np.linspace(-0.01, 0.01, 51)
    np.testing.assert_allclose(rows["probability"], 0.5 + score / (2 * (np.abs(score) + 0.01)), atol=1e-12)


def test_several_symbols_stand_in_one_file(tmp_path):
    sources = [market(symbol=name, seed=number) for number, name in enumerate(("AAA", "BBB"))]
    frame = pd.concat([probabilities(source, seed=9).assign(ticker=source.raw.symbol.lower()) for source in sources])
    for source in sources:
        assert set(judged(frame, source, tmp_path).predictions()["symbol"]) == {source.raw.symbol}
    with pytest.raises(ForecastError, match="Expected forecasts of XYZ, got some of AAA, BBB"):
        judged(frame, market(), tmp_path)


def test_rows_up_to_the_end_of_training_are_left_out_and_counted(source, tmp_path):
    frame = probabilities(source, first=150, last=300)
    run = judged(frame, source, tmp_path, trained_until=frame["date"][9].date())
    assert len(decisions(run)) == 151 - 10
    assert run.describe()["judged"]["counts"] == {"in_sample": 10}
    with pytest.raises(ForecastError, match="after --trained-until, got none"):
        judged(frame, source, tmp_path, trained_until="2030-01-01")


def test_decisions_whose_outcome_is_not_known_yet_are_left_out_and_counted(source, tmp_path):
    run = judged(probabilities(source, first=300, last=399), source, tmp_path)
    assert len(decisions(run)) == 98
    assert run.describe()["judged"]["counts"] == {"without_outcome": 2}


def test_models_are_compared_on_the_bars_that_all_of_them_forecast(source, tmp_path):
    parts = [probabilities(source, first=150, last=300).assign(model="a"), probabilities(source).assign(model="b")]
    run = judged(pd.concat(parts), source, tmp_path)
    assert len(decisions(run, "judged:a")) == len(decisions(run, "judged:b")) == 151
    assert run.describe()["judged"]["counts"] == {"not_common": 390 - 300}


def test_a_gap_is_refused_unless_it_is_to_be_held(source, tmp_path):
    frame = probabilities(source).drop(index=[20, 21])
    with pytest.raises(ForecastError, match=r"got none of forecast at 2 of 241, first .* --gaps hold"):
        judged(frame, source, tmp_path)
    run = judged(frame, source, tmp_path, gaps="hold")
    assert decisions(run)["probability"].iloc[20:22].tolist() == [0.5, 0.5]
    assert run.describe()["judged"]["counts"] == {"gaps": 2}


def test_thresholds_are_chosen_on_validation_rows_and_refused_without(source, tmp_path):
    frame = probabilities(source, first=250, last=390, edge=0.5)
    rules = TradingConfig(threshold="auto", calibration="temperature")
    with pytest.raises(ForecastError, match="--validation FILE"):
        evaluate(judged(frame, source, tmp_path), rules=rules)
    run = judged(frame, source, tmp_path, validation=probabilities(source, first=150, last=249, edge=0.5))
    backtest = evaluate(run, rules=rules)
    assert set(backtest.metrics["trading"]["chosen_thresholds"]) >= {"judged:forecast"}
    assert backtest.metrics["certificate"]["passed"], backtest.metrics["certificate"]["failures"]
    late = run.validation().merge(run.predictions().groupby("fold")["decided_at"].min().rename("first"), on="fold")
    assert (late["exit_at"] < late["first"]).all()


def test_the_page_of_one_judged_model_speaks_of_no_network_and_counts_each_validation_row_once(source, tmp_path):
    earlier = probabilities(source, first=150, last=249, edge=0.5)
    run = judged(probabilities(source, first=250, last=390, edge=0.5), source, tmp_path, validation=earlier)
    backtest = evaluate(run, rules=TradingConfig(threshold="auto"))
    page = write_report(run, backtest=backtest.name, folder=tmp_path / "reports").read_text()
    text = html.unescape(re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)).replace("\xa0", " ")
    assert f"{run.describe()['judged']['validation_rows']} earlier forecasts of the same models" in text
    assert run.describe()["judged"]["validation_rows"] == run.validation().drop_duplicates("decided_at").shape[0] <= 100
    assert "Forecasts of the model “forecast”, made by another program" in text
    assert "network" not in text
    assert "the model held on average on its validation rows" in text
    alone = judged(probabilities(source, first=250, last=390, edge=0.5), source, tmp_path / "alone")
    page = write_report(alone, backtest=evaluate(alone, rules=TradingConfig()).name, folder=tmp_path / "reports")
    assert "the model held on average before each fold (in the first one, up to the decision)" in page.read_text()


def test_the_same_exposure_is_known_before_it_is_held(source, tmp_path):
    frame = probabilities(source, edge=0.5)
    ledger = evaluate(judged(frame, source, tmp_path), rules=TradingConfig()).ledger
    same_exposure = ledger[ledger["model"] == "same_exposure:judged:forecast"]["position"].to_numpy()
    positions = ledger[(ledger["model"] == "judged:forecast") & (ledger["member"] == "ensemble")]["position"].to_numpy()
    fold = decisions(judged(frame, source, tmp_path))["fold"].to_numpy()
    second = int(np.argmax(fold == 1))
    targets = positions[:-1]
    # positions drift a little between trades
    assert same_exposure[second] == pytest.approx(targets[:second].mean(), abs=0.02)


def test_the_certificate_says_what_cannot_be_checked_of_forecasts_made_elsewhere(source, tmp_path):
    run = judged(probabilities(source), source, tmp_path, trained_until="2010-01-31")
    assert run.certificate()["unverifiable"] == [
        "what the model “forecast” learned from, said to end on 2010-01-31, and what it knew at each decision"
    ]


def test_forecasts_dated_by_their_target_are_noticed_when_they_are_taken_as_decisions(source, tmp_path):
    raw = source.raw
    bar = np.arange(150, 391)
    same_day = np.log(raw.close[bar] / raw.close[bar - 1])
    frame = pd.DataFrame({"date": days_of(source, 150, 390), "score": same_day + 0.01})
    frame["score"] += np.random.default_rng(0).normal(0, 0.01, len(frame))
    suspicions = judged(frame, source, tmp_path).describe()["judged"]["suspicions"]
    assert len(suspicions) == 1
    assert "--dated-by target" in suspicions[0]
    assert not judged(probabilities(source), source, tmp_path).describe()["judged"]["suspicions"]


def test_nothing_is_written_for_forecasts_that_are_refused(source, tmp_path):
    with pytest.raises(ForecastError):
        judged(probabilities(source).assign(probability=2.0), source, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_times_of_day_that_open_one_bar_and_close_another_are_asked_about(tmp_path):
    source = market(minutes=5)
    times = pd.DatetimeIndex(source.raw.opened_at[200:300]).tz_localize("UTC")
    frame = pd.DataFrame({"time": times, "probability": np.linspace(0.1, 0.9, 100)})
    with pytest.raises(ForecastError, match="Say --bar-times open or --bar-times close"):
        judged(frame, source, tmp_path)
    opened = decisions(judged(frame, source, tmp_path, bar_times="open", overnight="hold"))
    closed = decisions(judged(frame, source, tmp_path, bar_times="close", overnight="hold"))
    assert opened["decided_at"].iloc[0].tz_localize(None) == source.raw.closed_at[200]
    assert closed["decided_at"].iloc[0].tz_localize(None) == source.raw.closed_at[199]


def test_the_run_says_where_its_forecasts_come_from(source, tmp_path):
    run = judged(probabilities(source), source, tmp_path)
    described = json.loads((run.folder / "run.json").read_text())
    assert described["kind"] == "judged"
    assert described["config"]["models"] == ["judged:forecast"]
    assert described["judged"]["values"] == "probability"
    assert len(described["judged"]["forecasts"]) == 64
    assert described["parameters"] == {}


@pytest.mark.parametrize("missing", [5, 100], ids=["the first common bar", "the first bar of a fold"])
def test_a_bar_that_one_model_lacks_is_in_the_fold_that_the_other_one_gives_it(source, tmp_path, missing):
    frames = {
        "a": probabilities(source, first=155, last=390),
        "b": probabilities(source, first=150, last=390, seed=3).drop(index=missing),
    }
    later = days_of(source, 250, 250)[0]
    frame = pd.concat([table.assign(model=name, fold=(table["date"] >= later) * 1) for name, table in frames.items()])
    rows = judged(frame, source, tmp_path, gaps="hold").predictions()
    sizes = rows.groupby(["model", "fold"]).size().unstack()
    assert sizes.loc[["judged:a", "judged:b"]].to_numpy().tolist() == [[95, 141], [95, 141]]


def test_a_file_of_our_own_columns_cannot_choose_its_exits_or_targets_afterwards(source, tmp_path):
    """Random forecasts, each left at the best of the next opens for it: forward_return is true, and chosen."""
    rows = decisions(judged(probabilities(source, last=380), source, tmp_path / "first"))
    opens, opened = source.raw.open, source.raw.opened_at
    entry = np.searchsorted(opened, rows["entry_at"].dt.tz_localize(None).to_numpy())
    returns = opens[entry[:, None] + np.arange(1, 17)] / opens[entry][:, None] - 1.0
    up = rows["probability"].to_numpy() > 0.5
    leave = entry + 1 + np.where(up, returns.argmax(axis=1), returns.argmin(axis=1))
    chosen = rows.assign(
        exit_at=pd.DatetimeIndex(opened[leave]).tz_localize("UTC"), forward_return=opens[leave] / opens[entry] - 1.0
    )
    with pytest.raises(ForecastError, match=r"Expected predictions of the return over 1 bar, got some of 1 to 16 bars"):
        judged(chosen, source, tmp_path / "chosen", baselines=())
    claimed = decisions(judged(rows.assign(target=up), source, tmp_path / "claimed", baselines=()))
    np.testing.assert_array_equal(claimed["target"], rows["forward_return"] > 0)
