"""Experiments of which little or nothing can be said: the answer is true and says why."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from forecast.config.trading import Costs, TradingConfig
from forecast.evaluation.backtest import evaluate
from forecast.report.sections.notes import trading_notes
from forecast.report.sections.verdict import verdict_text
from forecast.runs.io import write_parquet
from forecast.runs.run import Run
from forecast.statistics.verdict import Verdict
from tests.helpers.report_fixtures import build_run

RULES = TradingConfig(policy="long-flat", threshold=0.0, costs=Costs(fee_bps=1, slippage_bps=2))


def judged(run: Run) -> tuple[Verdict, list[str]]:
    """The verdict of a backtest, and every sentence about it."""
    metrics = evaluate(run, rules=RULES).metrics
    text = verdict_text(metrics, symbol="AAPL")
    return Verdict.from_json(metrics["verdict"]), [
        *text.sentences, *text.details, *text.caveats, *trading_notes(metrics["trading"])
    ]  # fmt: skip


def rewrite(run: Run, file: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    write_parquet(run.folder / file, change(pd.read_parquet(run.folder / file)))


def test_prices_that_never_move_show_neither_skill_nor_money(tmp_path: Path) -> None:
    run = build_run(tmp_path, backtest=None)
    flat = dict.fromkeys(("open", "high", "low", "close"), 5.0)
    rewrite(run, "bars.parquet", lambda bars: bars.assign(**flat))
    for file in ("predictions.parquet", "validation.parquet"):
        rewrite(run, file, lambda rows: rows.assign(forward_return=0.0, target=rows["target"] * 0))
    verdict, sentences = judged(run)
    assert {comparison.answer for comparison in verdict.comparisons} == {"inconclusive"}
    assert {comparison.reason for comparison in verdict.of("skill")} == {"no_variation"}
    # some paid more costs than others, which is no skill
    assert any(comparison.difference for comparison in verdict.of("money"))
    assert any("the difference never varied" in sentence for sentence in sentences)


def test_one_day_of_bars_claims_nothing_whatever_its_skill(tmp_path: Path) -> None:
    verdict, sentences = judged(build_run(tmp_path, bars=700, interval="30s", edge=5.0, backtest=None))
    assert {comparison.answer for comparison in verdict.comparisons} == {"inconclusive"}
    assert "too_few_sessions" in {comparison.reason for comparison in verdict.comparisons}
    assert "1 session cannot speak for other days." in sentences


def test_one_fold_is_judged_as_several_are(tmp_path: Path) -> None:
    verdict, _ = judged(build_run(tmp_path, folds=1, edge=5.0, backtest=None))
    assert verdict.of("skill", family="base_rate")[0].answer == "better"


def test_identical_networks_do_not_differ(tmp_path: Path) -> None:
    run = build_run(tmp_path, edge=5.0, backtest=None)

    def copied(rows: pd.DataFrame) -> pd.DataFrame:
        lstm = rows[rows["model"] == "lstm"]
        return pd.concat([lstm.assign(model="simple_rnn"), lstm], ignore_index=True)

    for file in ("predictions.parquet", "validation.parquet"):
        rewrite(run, file, copied)
    verdict, _ = judged(run)
    for answer in (verdict.skill, verdict.money):
        assert answer is not None
        assert (answer.answer, answer.reason, answer.difference) == ("inconclusive", "no_variation", 0.0)
        assert answer.interval is None
    assert {comparison.answer for comparison in verdict.of("skill", family="base_rate")} == {"better"}


@pytest.mark.parametrize("edge", [0.0, 5.0])
def test_a_network_that_never_trades_earns_neither_more_nor_less(tmp_path: Path, edge: float) -> None:
    run = build_run(tmp_path, edge=edge, backtest=None)
    silent = {"lstm": 0.4, "simple_rnn": 1.0}
    for file in ("predictions.parquet", "validation.parquet"):
        rewrite(run, file, lambda rows: rows.assign(probability=rows["probability"] * rows["model"].map(silent)))
    verdict, sentences = judged(run)
    lstm = [comparison for comparison in verdict.of("money") if comparison.model == "lstm"]
    assert {(comparison.answer, comparison.reason) for comparison in lstm} <= {
        ("inconclusive", "never_traded"), ("inconclusive", "no_variation")
    }  # fmt: skip
    assert "The LSTM never held a position." in sentences
