"""metrics.json: its shape, and that it is JSON."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecast.config.trading import Costs
from forecast.statistics.summary import summarise
from forecast.statistics.verdict import Verdict
from forecast.trading.simulator import Ledger, trade


def experiment(bars: int = 300) -> tuple[list[Ledger], pd.DataFrame]:
    rng = np.random.default_rng(0)
    opens = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, bars)))
    times = np.datetime64("2020-01-01T14:30", "ns") + np.arange(bars) * np.timedelta64(1, "D")
    positions = {
        (model, member): rng.integers(0, 2, bars - 1).astype(float)
        for model in ("simple_rnn", "lstm")
        for member in ("ensemble", "0", "1")
    }
    positions |= {("buy_and_hold", "ensemble"): np.ones(bars - 1), ("cash", "ensemble"): np.zeros(bars - 1)}
    ledgers = [
        trade(
            position, symbol="TEST", model=model, member=member, opened_at=times, opens=opens,
            costs=Costs(fee_bps=1, slippage_bps=2),
        )
        for (model, member), position in positions.items()
    ]  # fmt: skip
    target = rng.integers(0, 2, bars - 1).astype(float)
    predictions = pd.concat(
        pd.DataFrame(
            {
                "symbol": "TEST", "model": model, "fold": 0, "seed": seed,
                "decided_at": pd.DatetimeIndex(times[:-1]).tz_localize("UTC"),
                "entry_at": pd.DatetimeIndex(times[:-1]).tz_localize("UTC"),
                "exit_at": pd.DatetimeIndex(times[1:]).tz_localize("UTC"),
                "probability": rng.uniform(0.3, 0.7, bars - 1), "target": target,
                "forward_return": opens[1:] / opens[:-1] - 1.0,
            }
        )
        for model in ("simple_rnn", "lstm")
        for seed in (0, 1)
    )  # fmt: skip
    return ledgers, predictions


def summary(ledgers: list[Ledger], predictions: pd.DataFrame) -> dict[str, object]:
    sessions = ledgers[0].time.astype("datetime64[D]") if ledgers else None
    return summarise(ledgers, predictions, bars_per_year=252, sessions=sessions, config={"policy": "long-flat"})


def test_the_summary_is_plain_json_in_the_agreed_shape() -> None:
    result = json.loads(json.dumps(summary(*experiment()), allow_nan=False))
    assert set(result) == {"config", "period", "performance", "growth", "prediction", "evidence", "verdict"}
    assert result["period"]["bars"] == 299
    assert set(result["performance"]) == {"simple_rnn", "lstm", "buy_and_hold", "cash"}
    assert set(result["performance"]["lstm"]) == {"ensemble", "seeds", "spread"}
    assert set(result["prediction"]) == {"simple_rnn", "lstm"}
    comparisons = result["verdict"]["comparisons"]
    assert [tuple(comparison[key] for key in ("question", "model", "benchmark")) for comparison in comparisons] == [
        ("skill", "lstm", "simple_rnn"), ("skill", "lstm", "base_rate"), ("skill", "simple_rnn", "base_rate"),
        ("money", "lstm", "simple_rnn"),
        ("money", "simple_rnn", "buy_and_hold"), ("money", "lstm", "buy_and_hold"),
        ("money", "simple_rnn", "cash"), ("money", "lstm", "cash"),
    ]  # fmt: skip
    assert (result["verdict"]["skill"], result["verdict"]["money"]) == ("inconclusive", "inconclusive")


def test_a_verdict_is_read_back_as_it_was_written() -> None:
    content = json.loads(json.dumps(summary(*experiment())["verdict"], allow_nan=False))
    assert Verdict.from_json(content).to_json() == content


def test_the_ensemble_is_the_mean_probability_over_seeds() -> None:
    ledgers, predictions = experiment()
    opposite = predictions.assign(probability=np.where(predictions["seed"] == 0, 0.9, 0.1))
    quality = summary(ledgers, opposite)["prediction"]
    assert quality["lstm"]["ensemble"]["brier"] == pytest.approx(0.25)  # type: ignore[index]


def test_the_spread_over_seeds_by_hand() -> None:
    ledgers, predictions = experiment()
    performance = summary(ledgers, predictions)["performance"]["lstm"]  # type: ignore[index]
    one, two = (performance["seeds"][seed]["total_return"] for seed in "01")
    spread = performance["spread"]["total_return"]
    assert spread["mean"] == pytest.approx((one + two) / 2)
    assert spread["std"] == pytest.approx(abs(one - two) / np.sqrt(2))
    assert (spread["min"], spread["max"]) == (min(one, two), max(one, two))


def test_the_evidence_names_every_network_and_says_why_where_there_is_none() -> None:
    ledgers, predictions = experiment()
    evidence = summary(ledgers, predictions)["evidence"]
    assert isinstance(evidence, dict)
    assert set(evidence["confidence_set"]) == {"simple_rnn", "lstm", "buy_and_hold", "cash"}
    assert (
        set(evidence["direction"]) == set(evidence["sharpe"]) == set(evidence["break_even"]) == {"simple_rnn", "lstm"}
    )
    assert evidence["diebold_mariano"]["model"] == "lstm"


def test_more_trials_deflate_a_sharpe_ratio() -> None:
    ledgers, predictions = experiment()
    few, many = (
        summarise(ledgers, predictions, bars_per_year=252, sessions=None, config={}, trials=trials)["evidence"][
            "sharpe"
        ]
        for trials in (1, 200)
    )
    assert many["lstm"]["deflated"] < few["lstm"]["deflated"] < few["lstm"]["probability"]


def test_a_model_that_never_trades_has_evidence_too() -> None:
    ledgers, predictions = experiment()
    idle = [ledger for ledger in ledgers if ledger.model != "lstm"]
    idle += [replace(ledgers[-1], model="lstm", member=member) for member in ("ensemble", "0", "1")]
    result = json.loads(json.dumps(summary(idle, predictions), allow_nan=False))
    assert result["evidence"]["sharpe"]["lstm"] == {
        "probability": None, "deflated": None, "autocorrelation": None, "trials": 2, "effective_trials": 2.0,
    }  # fmt: skip
    pair = next(comparison for comparison in result["verdict"]["comparisons"] if comparison["question"] == "money")
    assert (pair["answer"], pair["reason"]) == ("inconclusive", "never_traded")
    assert result["evidence"]["break_even"]["lstm"]["reason"] == "no difference in trading"


def test_few_bars_have_no_evidence_but_a_verdict() -> None:
    ledgers, predictions = experiment(15)
    result = summary(ledgers, predictions)
    assert "confidence_set" not in result["evidence"]  # type: ignore[operator]
    assert result["verdict"]["skill"] == "inconclusive"  # type: ignore[index]
    assert {caveat["code"] for caveat in result["verdict"]["caveats"]} >= {"few_sessions"}  # type: ignore[index]


def test_a_single_seed_has_no_standard_deviation() -> None:
    ledgers, predictions = experiment()
    few = [ledger for ledger in ledgers if ledger.member != "1"]
    assert summary(few, predictions)["performance"]["lstm"]["spread"]["sharpe"]["std"] is None  # type: ignore[index]


def test_two_symbols_or_different_bars_are_refused() -> None:
    ledgers, predictions = experiment()
    with pytest.raises(ValueError, match="same times"):
        summary([*ledgers, experiment(200)[0][0]], predictions)
    with pytest.raises(ValueError, match="one symbol"):
        summary([], predictions)


def test_everything_that_could_be_picked_from_is_counted() -> None:
    overfitting = summary(*experiment(400))["evidence"]["overfitting"]  # type: ignore[index]
    assert (overfitting["strategies"], overfitting["splits"]) == (7, 12_870)  # 2 x (2 seeds + ensemble) + holding
    assert 0.0 <= overfitting["probability"] <= 1.0


def test_short_periods_have_no_probability_of_overfitting() -> None:
    assert summary(*experiment(79))["evidence"]["overfitting"] is None  # type: ignore[index]


def test_decisions_filled_at_their_own_time_are_told() -> None:
    ledgers, predictions = experiment()
    predictions = predictions.reset_index(drop=True)
    predictions["decided_at"] = predictions["entry_at"] - np.timedelta64(1, "s")
    codes = [caveat["code"] for caveat in summary(ledgers, predictions)["verdict"]["caveats"]]  # type: ignore[index]
    assert "filled_at_once" not in codes
    late = predictions.groupby(["model", "seed"]).cumcount() % 2 == 0
    predictions.loc[late, "decided_at"] = predictions["entry_at"]
    caveats = summary(ledgers, predictions)["verdict"]["caveats"]  # type: ignore[index]
    assert {"code": "filled_at_once", "value": 150 / 299, "subject": ""} in caveats


def with_validation(predictions: pd.DataFrame, *, rate: float, probability: float) -> list[dict[str, object]]:
    """The caveats of networks that always say `probability`, after validation rows of which a share `rate` rose."""
    ledgers, _ = experiment()
    rises = np.arange(100) < 100 * rate
    validation = pd.DataFrame({"symbol": "TEST", "fold": 0, "target": rises.astype(float)})
    constant = predictions.assign(probability=probability)
    result = summarise(
        ledgers, constant, bars_per_year=252, sessions=ledgers[0].time.astype("datetime64[D]"), config={},
        validation=validation,
    )  # fmt: skip
    caveats: list[dict[str, object]] = result["verdict"]["caveats"]
    return [caveat for caveat in caveats if caveat["code"] == "nothing_learned"]


def test_log_loss_is_held_against_the_base_rate_that_was_known_before_the_tests() -> None:
    _, predictions = experiment()
    risen = predictions.assign(target=1.0)  # in the tests every price rose, which nobody knew before
    assert with_validation(risen, rate=0.5, probability=0.6) == []
    caveats = with_validation(risen, rate=0.7, probability=0.6)
    assert [caveat["subject"] for caveat in caveats] == ["simple_rnn", "lstm"]
    assert caveats[0]["value"] == pytest.approx(np.log(0.7 / 0.6))


def all_right(bars: int, *, every: int = 1) -> list[dict[str, object]]:
    """The caveats of networks that know each return. every: bars of a session."""
    ledgers, predictions = experiment(bars)
    gains = predictions["forward_return"].to_numpy()[: bars - 1]
    opens = 100 * np.cumprod(np.concatenate([[1.0], 1.0 + gains]))
    right = [
        trade(
            (gains > 0).astype(float), symbol="TEST", model=ledger.model, member=ledger.member, opened_at=ledger.time,
            opens=opens, costs=Costs(fee_bps=0, slippage_bps=0),
        )
        if ledger.model in ("lstm", "simple_rnn") else ledger
        for ledger in ledgers
    ]  # fmt: skip
    certain = predictions.assign(target=(predictions["forward_return"] > 0).astype(float))
    sessions = np.datetime64("2020-01-01") + np.arange(bars) // every
    return summarise(  # type: ignore[no-any-return]
        right, certain.assign(probability=certain["target"]), bars_per_year=252.0 * every, sessions=sessions, config={}
    )["verdict"]["caveats"]


@pytest.mark.parametrize("every", [1, 7])
def test_results_too_good_to_be_true_are_named(every: int) -> None:
    codes = {(caveat["code"], caveat["subject"]) for caveat in all_right(800, every=every)}
    assert codes >= {(code, model) for code in ("too_good", "too_accurate") for model in ("lstm", "simple_rnn")}


def test_a_short_or_an_ordinary_record_is_not_suspected() -> None:
    suspicion = {"too_good", "too_accurate"}
    assert not suspicion & {caveat["code"] for caveat in all_right(60)}
    verdict = summary(*experiment())["verdict"]
    assert not suspicion & {caveat["code"] for caveat in verdict["caveats"]}  # type: ignore[index]
