"""What was tried is counted as what it is, and a line that was taken out or edited is missed."""

import json
import multiprocessing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.experiment import Experiment
from forecast.config.trading import Costs, TradingConfig
from forecast.runs import trial_log
from tests.helpers.finished_runs import finished_run

AAPL = Experiment("AAPL")


def train(folder, *, units=(32,), run="r", experiment=AAPL):
    for unit in units:
        trial_log.record_training(folder, replace(experiment, units=unit), run=f"{run}{unit}")


def lines(folder):
    return (folder / trial_log.FILE).read_bytes().splitlines(keepends=True)


def test_every_different_training_counts_and_the_same_one_again_does_not(tmp_path):
    train(tmp_path / "runs", units=(8, 16, 8))
    train(tmp_path / "runs", experiment=Experiment("MSFT"))
    log = trial_log.read(tmp_path / "runs")
    assert (log.trial_count, log.of("AAPL"), log.of("MSFT"), log.problems) == (3, 2, 1, ())
    assert trial_log.read(tmp_path / "nowhere").trial_count == 0


def test_rules_count_beside_trainings_costs_do_not_and_the_first_rule_belongs_to_its_training(tmp_path):
    train(tmp_path)
    tried = []
    for rules in (
        TradingConfig(),
        TradingConfig(costs=Costs(fee_bps=9.0, slippage_bps=0.0)),
        TradingConfig(threshold=0.02),
        TradingConfig(policy="long-short"),
        TradingConfig(sizing="kelly"),
        TradingConfig(threshold=0.02),
    ):
        trial_log.record_backtest(tmp_path, rules, run="r32", symbols=["AAPL"])
        tried.append(trial_log.read(tmp_path).trial_count)
    assert tried == [1, 1, 2, 3, 4, 4]


def test_one_training_of_a_panel_is_one_try_whichever_of_its_symbols_is_noted(tmp_path):
    panel = ("AAPL", "KO", "MSFT")
    for symbol in panel:
        trial_log.record_training(tmp_path, Experiment(symbol, panel=panel), run=f"{symbol}-run")
        trial_log.record_backtest(tmp_path, TradingConfig(), run=f"{symbol}-run", symbols=[symbol])
    log = trial_log.read(tmp_path)
    assert (log.trial_count, log.of("KO")) == (1, 1)


def test_portfolios_tuning_and_judged_predictions_count(tmp_path):
    train(tmp_path)
    for fold in range(2):
        trial_log.record_tuning(tmp_path, AAPL, run="r32", fold=fold, settings={"lstm": {"units": 8}})
    for weighting in ("equal", "inverse-volatility", "equal"):
        config = {"runs": ["a", "b"], "weighting": weighting, "fee_bps": 1.0}
        trial_log.record_portfolio(tmp_path, config, name=weighting, symbols=["AAPL", "MSFT"])
    trial_log.record_predictions(tmp_path, AAPL, run="AAPL-judged", judged={"forecasts": "0"})
    trial_log.record_backtest(tmp_path, TradingConfig(), run="AAPL-judged", symbols=["AAPL"])
    log = trial_log.read(tmp_path)
    assert (log.trial_count, log.of("MSFT")) == (1 + 2 + 2 + 1, 2)


def test_a_line_of_an_earlier_version_counts_and_the_next_one_follows_from_it(tmp_path):
    (tmp_path / trial_log.FILE).write_text('{"begun_at": "x", "run": "old", "symbol": "AAPL", "configuration": "c"}\n')
    train(tmp_path)
    log = trial_log.read(tmp_path)
    assert (log.trial_count, log.of("AAPL"), log.problems) == (2, 2, ())
    path = tmp_path / trial_log.FILE
    path.write_bytes(path.read_bytes().replace(b'"old"', b'"new"'))
    assert "line 2 does not follow" in trial_log.read(tmp_path).problems[0]


@given(removed=st.sets(st.integers(0, 4), min_size=1))
def test_wherever_lines_are_taken_out_it_is_said(tmp_path_factory, removed):
    folder = tmp_path_factory.mktemp("log")
    train(folder, units=(1, 2, 3, 4, 5))
    remaining = [line for number, line in enumerate(lines(folder)) if number not in removed]
    (folder / trial_log.FILE).write_bytes(b"".join(remaining))
    assert trial_log.read(folder).problems


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_whichever_bit_is_changed_it_is_said(tmp_path_factory, place, bit):
    folder = tmp_path_factory.mktemp("log")
    train(folder, units=(1, 2, 3))
    path = folder / trial_log.FILE
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1 << bit
    path.write_bytes(content)
    assert trial_log.read(folder).problems


def test_a_log_that_was_removed_is_missed_by_its_head_and_by_the_runs_that_lie_beside_it(tmp_path):
    run = finished_run(tmp_path / "runs")
    folder = run.folder.parent
    trial_log.record_training(folder, AAPL, run=run.name)
    assert trial_log.read(folder).problems == ()
    (folder / trial_log.FILE).unlink()
    assert trial_log.read(folder).problems == (
        "lines are missing at its end, or the last one was edited: there were 1",
        f"it lacks {run.name}",
    )
    (folder / ".trials.head").unlink()
    assert trial_log.read(folder).problems == (f"it lacks {run.name}",)


@pytest.mark.parametrize("length", [1, 30])
def test_what_a_kill_left_of_a_line_goes_and_the_next_line_follows_from_the_last_whole_one(tmp_path, length):
    train(tmp_path, units=(8, 16))
    path = tmp_path / trial_log.FILE
    path.write_bytes(path.read_bytes() + lines(tmp_path)[-1][:length])
    assert trial_log.read(tmp_path).problems == ()
    train(tmp_path, units=(64,))
    log = trial_log.read(tmp_path)
    assert (log.trial_count, log.problems) == (3, ())
    assert all(json.loads(line) for line in lines(tmp_path))


def test_a_last_newline_that_an_editor_took_away_is_put_back(tmp_path):
    train(tmp_path, units=(8, 16))
    path = tmp_path / trial_log.FILE
    path.write_bytes(path.read_bytes()[:-1])
    train(tmp_path, units=(64,))
    log = trial_log.read(tmp_path)
    assert (log.trial_count, log.problems) == (3, ())


def test_a_kill_between_the_log_and_its_head_is_no_problem(tmp_path):
    train(tmp_path, units=(8,))
    head = (tmp_path / ".trials.head").read_bytes()
    train(tmp_path, units=(16,))
    (tmp_path / ".trials.head").write_bytes(head)
    assert trial_log.read(tmp_path).problems == ()


def _train_ten(folder, first):
    train(folder, units=tuple(range(first, first + 10)))


def test_two_processes_at_once_lose_no_line_and_keep_the_chain(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_train_ten, args=(tmp_path, first)) for first in (1, 101)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    log = trial_log.read(tmp_path)
    assert (log.trial_count, log.problems) == (20, ())
