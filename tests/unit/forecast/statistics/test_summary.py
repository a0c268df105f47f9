"""metrics.json: its shape, and that it is JSON."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecast.config.trading import Costs
from forecast.statistics.summary import comparisons, summarise
from forecast.trading.simulator import Ledger, trade


def experiment(bars: int = 300) -> tuple[list[Ledger], pd.DataFrame]:
    rng = np.random.default_rng(0)
    opens = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, bars)))
    times = np.datetime64("2020-01-01T14:30", "ns") + np.arange(bars) * np.timedelta64(1, "D")
    wanted = {
        (model, member): rng.integers(0, 2, bars - 1).astype(float)
        for model in ("simple_rnn", "lstm")
        for member in ("ensemble", "0", "1")
    }
    wanted |= {("buy_and_hold", "ensemble"): np.ones(bars - 1), ("always_flat", "ensemble"): np.zeros(bars - 1)}
    ledgers = [
        trade(
            position, symbol="TEST", model=model, member=member, opened_at=times, opens=opens,
            costs=Costs(fee_bps=1, slippage_bps=2),
        )
        for (model, member), position in wanted.items()
    ]  # fmt: skip
    target = rng.integers(0, 2, bars - 1).astype(float)
    predictions = pd.concat(
        pd.DataFrame(
            {
                "symbol": "TEST", "model": model, "fold": 0, "seed": seed, "decided_at": times[:-1],
                "entry_at": times[:-1], "exit_at": times[1:],
                "probability": rng.uniform(0.3, 0.7, bars - 1), "target": target,
            }
        )
        for model in ("simple_rnn", "lstm")
        for seed in (0, 1)
    )  # fmt: skip
    return ledgers, predictions


def summary(ledgers: list[Ledger], predictions: pd.DataFrame) -> dict[str, object]:
    return summarise(ledgers, predictions, bars_per_year=252, sessions=None, config={"policy": "long-flat"})


def test_the_summary_is_plain_json_in_the_agreed_shape() -> None:
    result = json.loads(json.dumps(summary(*experiment()), allow_nan=False))
    assert set(result) == {"config", "period", "performance", "prediction", "comparisons", "evidence", "verdict"}
    assert result["period"]["bars"] == 299
    assert set(result["performance"]) == {"simple_rnn", "lstm", "buy_and_hold", "always_flat"}
    assert set(result["performance"]["lstm"]) == {"ensemble", "seeds", "spread"}
    assert set(result["prediction"]) == {"simple_rnn", "lstm"}
    assert [(each["model"], each["rival"]) for each in result["comparisons"]] == [
        ("lstm", "simple_rnn"),
        ("simple_rnn", "buy_and_hold"), ("lstm", "buy_and_hold"),
        ("simple_rnn", "always_flat"), ("lstm", "always_flat"),
    ]  # fmt: skip


def test_equal_units_stand_at_95_percent_and_equal_parameters_share_the_rest_with_the_rivals() -> None:
    ledgers, _ = experiment()
    wide = [replace(each, model="simple_rnn_wide") for each in ledgers if each.model == "simple_rnn"]
    made = comparisons([*ledgers, *wide], sessions=None, seed=0)
    assert [(each.model, each.rival) for each in made[:2]] == [("lstm", "simple_rnn"), ("lstm", "simple_rnn_wide")]
    assert made[0].level == 0.95
    assert {each.level for each in made[1:]} == {1 - 0.05 / 7}  # 3 networks x 2 rivals, and the second pairing


def foresight(members: dict[str, bool], *, bars: int = 300) -> list[Ledger]:
    """LSTMs that know the next move, or its opposite, beside SimpleRNNs that are always long."""
    rng = np.random.default_rng(1)
    opens = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, bars)))
    times = np.datetime64("2020-01-01T14:30", "ns") + np.arange(bars) * np.timedelta64(1, "D")
    rises = (np.diff(opens) > 0).astype(float)
    wanted = {("lstm", member): rises if knows else 1 - rises for member, knows in members.items()}
    wanted |= {("simple_rnn", member): np.ones(bars - 1) for member in members}
    return [
        trade(
            position, symbol="TEST", model=model, member=member, opened_at=times, opens=opens,
            costs=Costs(fee_bps=1, slippage_bps=2),
        )
        for (model, member), position in wanted.items()
    ]  # fmt: skip


def test_two_networks_are_told_apart_only_where_other_seeds_would_have_told_it_too() -> None:
    alike = {"ensemble": True, "0": True, "1": True, "2": True}
    for members in (alike, {"ensemble": True, "0": True}):  # one seed: nothing is known about others
        assert comparisons(foresight(members), sessions=None, seed=0)[0].answer == "better"
    lucky = foresight(alike | {"1": False})
    (pair,) = comparisons(lucky, sessions=None, seed=0)
    assert pair.low is not None
    assert pair.low > 0
    assert (pair.answer, pair.reason) == ("cannot tell", "with other random starts it could turn round")
    told = summary(lucky, experiment()[1])["verdict"]
    assert told["sentence"].startswith("Cannot tell: on TEST")  # type: ignore[index]
    assert told["sentence"].endswith("but with other random starts it could turn round.")  # type: ignore[index]


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
    found = summary(ledgers, predictions)["evidence"]
    assert isinstance(found, dict)
    assert set(found["confidence_set"]) == {"simple_rnn", "lstm", "buy_and_hold", "always_flat"}
    assert set(found["direction"]) == set(found["sharpe"]) == set(found["break_even"]) == {"simple_rnn", "lstm"}
    assert (found["seeds_and_days"]["model"], found["diebold_mariano"]["model"]) == ("lstm", "lstm")
    assert found["seeds_and_days"]["low"] < found["seeds_and_days"]["mean"] < found["seeds_and_days"]["high"]
    one_seed = summary([each for each in ledgers if each.member != "1"], predictions)["evidence"]
    assert one_seed["seeds_and_days"]["reason"] == "at least two seeds are needed"  # type: ignore[index]


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
    idle = [each for each in ledgers if each.model != "lstm"]
    idle += [replace(ledgers[-1], model="lstm", member=member) for member in ("ensemble", "0", "1")]
    result = json.loads(json.dumps(summary(idle, predictions), allow_nan=False))
    assert result["evidence"]["sharpe"]["lstm"] == {"probability": None, "deflated": None, "trials": 2}
    pair = result["comparisons"][0]
    assert (pair["answer"], pair["reason"]) == ("cannot tell", "the LSTM never held anything")
    assert result["verdict"]["answer"] == "cannot tell"
    assert result["evidence"]["break_even"]["lstm"]["reason"] == "no difference in trading"


def test_few_bars_have_no_evidence_but_a_verdict() -> None:
    ledgers, predictions = experiment(15)
    result = summary(ledgers, predictions)
    assert "confidence_set" not in result["evidence"]  # type: ignore[operator]
    assert result["verdict"]["answer"] == "cannot tell"  # type: ignore[index]


def test_where_it_cannot_be_told_it_says_how_long_it_would_take() -> None:
    ledgers, predictions = experiment()
    result = summary(ledgers, predictions)
    pair, wait = result["comparisons"][0], result["evidence"]["waiting"]  # type: ignore[index]
    error = (pair["high"] - pair["low"]) / 2 / 1.96
    needed = 299 / 252 * (2.80 * error / pair["mean_difference"]) ** 2
    assert wait["needed"] == pytest.approx(max(needed, 299 / 252), rel=0.01)
    assert any("4 times in 5" in each or "thousand years" in each for each in result["verdict"]["details"])  # type: ignore[index]


def test_a_single_seed_has_no_standard_deviation() -> None:
    ledgers, predictions = experiment()
    few = [each for each in ledgers if each.member != "1"]
    assert summary(few, predictions)["performance"]["lstm"]["spread"]["sharpe"]["std"] is None  # type: ignore[index]


def test_holding_nothing_against_itself_is_never_compared() -> None:
    ledgers, _ = experiment()
    only = [each for each in ledgers if each.model in ("lstm", "always_flat")]
    assert [(each.model, each.rival) for each in comparisons(only, sessions=None, seed=0)] == [("lstm", "always_flat")]


def test_networks_meet_the_best_baseline_as_if_all_had_been_compared() -> None:
    ledgers, _ = experiment()
    rng = np.random.default_rng(1)
    time, flat = ledgers[0].time, np.zeros(300)
    for model, gain in (("logistic", 0.001), ("boosting", 0.002), ("previous_sign", -0.001)):
        net = np.append(rng.normal(gain, 0.001, 299), 0.0)
        ledgers.append(
            Ledger(
                symbol="TEST", model=model, member="ensemble", time=time, position=flat, gross=net, cost=flat, net=net
            )
        )  # fmt: skip
    made = comparisons(ledgers, sessions=None, seed=0)
    assert [each.rival for each in made[1:]] == ["buy_and_hold"] * 2 + ["always_flat"] * 2 + ["boosting"] * 2
    assert {each.level for each in made[1:]} == {1 - 0.05 / (2 * 5)}


def test_two_symbols_or_different_bars_are_refused() -> None:
    ledgers, predictions = experiment()
    with pytest.raises(ValueError, match="same times"):
        summary([*ledgers, experiment(200)[0][0]], predictions)
    with pytest.raises(ValueError, match="one symbol"):
        summary([], predictions)


def test_every_comparison_says_what_it_could_have_seen_and_everything_picked_from_is_counted() -> None:
    ledgers, predictions = experiment(400)
    result = summary(ledgers, predictions)
    told, found = result["evidence"], result["comparisons"]
    assert [(each["model"], each["rival"]) for each in told["seen"]] == [  # type: ignore[index]
        (each["model"], each["rival"])
        for each in found  # type: ignore[attr-defined]
    ]
    pair = told["seen"][0]  # type: ignore[index]
    half = (found[0]["high"] - found[0]["low"]) / 2  # type: ignore[index]
    assert pair["a_unit"] == pytest.approx(half * (1 + 0.8416 / 1.96), rel=1e-3)
    overfitting = told["overfitting"]  # type: ignore[index]
    assert (overfitting["strategies"], overfitting["splits"]) == (7, 12_870)  # 2 x (2 seeds + ensemble) + holding
    assert 0.0 <= overfitting["probability"] <= 1.0


def test_short_periods_have_no_probability_of_overfitting() -> None:
    assert summary(*experiment(79))["evidence"]["overfitting"] is None  # type: ignore[index]


def test_decisions_filled_at_their_own_time_are_told() -> None:
    ledgers, predictions = experiment()
    predictions = predictions.reset_index(drop=True)
    predictions["decided_at"] = predictions["entry_at"] - np.timedelta64(1, "s")
    assert summary(ledgers, predictions)["verdict"]["caveats"] == []  # type: ignore[index]
    predictions.loc[predictions["seed"] == 1, "decided_at"] = predictions["entry_at"]
    assert summary(ledgers, predictions)["verdict"]["caveats"][0].startswith("50 % of")  # type: ignore[index]
