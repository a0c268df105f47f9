"""How much was tried stands in a backtest's numbers, on its page and in the terminal; so does a log that was cut."""

import pytest

from forecast.cli.backtest_output import print_backtest
from forecast.config.experiment import Experiment
from forecast.config.trading import Costs, TradingConfig
from forecast.evaluation.backtest import evaluate
from forecast.report import write_report
from forecast.runs import trial_log
from tests.helpers.finished_runs import finished_run


@pytest.fixture
def run(tmp_path):
    run = finished_run(tmp_path / "runs", bars=700, folds=2, seeds=2)
    trial_log.record_training(run.folder.parent, Experiment("AAPL"), run=run.name)
    return run


def test_every_rule_counts_and_tries_that_are_alike_count_less(run):
    counted = []
    for rules in (
        TradingConfig(),
        TradingConfig(costs=Costs(fee_bps=5.0)),
        TradingConfig(threshold=0.0001),
        TradingConfig(threshold=0.0002),
    ):
        metrics = evaluate(run, rules=rules).metrics
        ratio = metrics["evidence"]["sharpe"]["lstm"]
        counted.append((metrics["trials"]["tried"], ratio["trials"]))
        assert metrics["trials"]["problems"] == []
        assert 1.0 <= ratio["effective_trials"] <= ratio["trials"]
        assert ratio["deflated"] <= ratio["probability"]
    assert counted == [(1, 2), (1, 2), (2, 4), (3, 6)]
    assert ratio["effective_trials"] < 4.5  # nearly the same trades three times


def test_the_same_rules_again_are_no_new_try_and_give_the_same_numbers(run):
    first, again = (evaluate(run, rules=TradingConfig()).metrics for _ in range(2))
    assert first == again


def test_other_costs_before_make_no_try_count_for_less(run):
    """One training of two networks is two strategies; judged at other costs first, it is as many independent ones."""
    once = evaluate(run, rules=TradingConfig()).metrics["evidence"]["sharpe"]["lstm"]
    for fee in (5.0, 6.0):
        again = evaluate(run, rules=TradingConfig(costs=Costs(fee_bps=fee))).metrics
        assert again["trials"]["known_returns"] == 2
        assert again["evidence"]["sharpe"]["lstm"]["effective_trials"] == pytest.approx(
            once["effective_trials"], abs=0.05
        )


def test_a_log_that_was_cut_is_said_in_terminal_page_and_json(run, tmp_path, capsys):
    evaluate(run, rules=TradingConfig(threshold=0.02))
    path = run.folder.parent / trial_log.FILE
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    backtest = evaluate(run, rules=TradingConfig())
    assert "does not follow from the line before it" in backtest.metrics["trials"]["problems"][0]
    assert [caveat["code"] for caveat in backtest.metrics["verdict"]["caveats"]].count("trial_log") == 1
    page = write_report(run, backtest=backtest.name, folder=tmp_path)
    assert "It cannot be relied on: line 1 does not follow" in page.read_text()
    print_backtest(backtest, page, symbol="AAPL")
    output = capsys.readouterr().out
    assert "Caveat: The trial log was cut or edited" in output
    assert "Trial log: 2 configurations tried in this folder of runs so far. It cannot be relied on" in output
