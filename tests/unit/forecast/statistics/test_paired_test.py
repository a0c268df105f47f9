"""The bootstrap, the paired difference and the sentences that follow from it."""

from dataclasses import replace

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap, optimal_block_length

from forecast.statistics.bootstrap import block_length, resampled_means
from forecast.statistics.paired_test import PairedTest, daily_sums, paired_difference
from forecast.statistics.power import sight
from forecast.statistics.verdict import percent, rival_level, verdict
from forecast.trading.simulator import Ledger


def account(net: np.ndarray, model: str = "lstm") -> Ledger:
    rows = np.append(net, 0.0)
    times = np.datetime64("2020-01-01", "ns") + np.arange(len(rows)) * np.timedelta64(1, "D")
    flat = np.zeros(len(rows))
    return Ledger(
        symbol="TEST", model=model, member="ensemble", time=times, position=flat, gross=rows, cost=flat, net=rows
    )


def compare(a: np.ndarray, b: np.ndarray, **more: object) -> PairedTest:
    options = {"sessions": None, "rng": np.random.default_rng(0), **more}
    return paired_difference(account(a), account(b, "simple_rnn"), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("block", [1.0, 2.5, 20.0])
def test_the_bootstrap_has_the_spread_that_arch_finds(block: float) -> None:
    rng = np.random.default_rng(1)
    series = np.convolve(rng.standard_normal(520), np.ones(5), "valid")[:500]
    ours = resampled_means(series[:, None], block=block, draws=20_000, rng=rng)[:, 0]
    theirs = StationaryBootstrap(block, series, seed=2).apply(np.mean, 4_000)[:, 0]
    assert ours.mean() == pytest.approx(series.mean(), abs=4 * series.std() / np.sqrt(500 * 200))
    assert ours.std() == pytest.approx(theirs.std(), rel=0.05)


@pytest.mark.parametrize("memory", [0.0, 0.3, 0.8, -0.4])
@pytest.mark.parametrize("length", [20, 77, 1000])
def test_the_block_length_is_the_one_that_arch_finds(memory: float, length: int) -> None:
    rng = np.random.default_rng(11)
    for _ in range(20):
        noise = rng.standard_normal(length)
        series = noise.copy()
        for row in range(1, length):
            series[row] += memory * series[row - 1]
        theirs = float(optimal_block_length(series)["stationary"].iloc[0])
        assert block_length(series) == pytest.approx(max(1.0, theirs))


def test_blocks_of_one_resample_as_if_independent() -> None:
    series = np.random.default_rng(3).standard_normal((400, 1))
    means = resampled_means(series, block=1.0, draws=20_000, rng=np.random.default_rng(4))
    assert means.std() == pytest.approx(series.std() / 20, rel=0.02)


def test_columns_are_resampled_at_the_same_times() -> None:
    series = np.random.default_rng(5).standard_normal((200, 1))
    means = resampled_means(np.hstack([series, -series]), block=4.0, draws=500, rng=np.random.default_rng(6))
    assert np.allclose(means.sum(axis=1), 0)


def test_nineteen_of_twenty_intervals_hold_the_true_mean() -> None:
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(200):
        low, high = _interval(rng.standard_t(4, size=250) * 0.01, rng)
        held += low <= 0 <= high
    assert 180 <= held <= 199  # 190 expected, standard deviation 3.1


def _interval(difference: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    result = compare(difference, np.zeros(len(difference)), rng=rng, draws=500)
    assert result.low is not None
    assert result.high is not None
    return result.low, result.high


def test_a_clear_gain_is_better_and_its_mirror_worse() -> None:
    edge = np.random.default_rng(8).normal(0.002, 0.01, 1000)
    assert compare(edge, np.zeros(1000)).answer == "better"
    assert compare(np.zeros(1000), edge).answer == "worse"
    assert compare(edge - edge.mean(), np.zeros(1000)).answer == "cannot tell"


def test_the_same_seed_gives_the_same_digits() -> None:
    edge = np.random.default_rng(9).normal(0.0, 0.01, 300)
    assert compare(edge, np.zeros(300)) == compare(edge, np.zeros(300))


def test_both_pay_for_closing_what_they_hold() -> None:
    net = np.random.default_rng(10).normal(0, 0.01, 100)
    a = account(net)
    closing = replace(a, net=np.append(net, -0.01))
    result = paired_difference(closing, a, sessions=None, rng=np.random.default_rng(0))
    assert result.mean_difference == pytest.approx(-0.01 * (1 + net[-1]) / 100)


@pytest.mark.parametrize(
    ("difference", "reason"),
    [
        (np.zeros(100), "both did exactly the same"),
        (np.full(100, 0.001), "never varied"),
        (np.random.default_rng(0).normal(0, 1, 19), "19 bars are too few: at least 20"),
        (np.eye(1, 100, 50)[0], "differed on 1 bars only"),
        (np.append(np.full(50, 0.1), np.nan), "not finite"),
        (np.array([]), "0 bars are too few"),
    ],
)
def test_where_chance_cannot_be_measured_it_cannot_be_told(difference: np.ndarray, reason: str) -> None:
    result = compare(difference, np.zeros(len(difference)))
    assert (result.answer, result.low, result.high, result.block) == ("cannot tell", None, None, None)
    assert reason in result.reason


def test_bars_are_summed_to_days_where_there_are_days_enough() -> None:
    days = np.repeat(np.arange("2020-01-01", "2020-01-21", dtype="datetime64[D]"), 3)
    values = np.arange(60.0)
    sums, unit = daily_sums(values, sessions=np.append(days, days[-1]))
    assert unit == "day"
    assert list(sums[:2]) == [0 + 1 + 2, 3 + 4 + 5]
    assert daily_sums(values, sessions=np.repeat(days[:1], 61))[1] == "bar"


def test_ledgers_of_different_bars_are_refused() -> None:
    with pytest.raises(ValueError, match="same times"):
        paired_difference(
            account(np.zeros(30)), account(np.zeros(31), "b"), sessions=None, rng=np.random.default_rng(0)
        )


def told(model: str, rival: str, mean: float, low: float | None, high: float | None, level: float = 0.95) -> PairedTest:
    if low is None or high is None:
        reason, answer = "both did exactly the same", "cannot tell"
    else:
        reason, answer = "", "better" if low > 0 else "worse" if high < 0 else "cannot tell"
    return PairedTest(
        model=model, rival=rival, mean_difference=mean, low=low, high=high, level=level, unit="day",
        observations=2000, block=1.5, answer=answer, reason=reason,  # type: ignore[arg-type]
    )  # fmt: skip


def speak(*made: PairedTest) -> dict[str, object]:
    return verdict(made, symbol="AAPL", first="2005-01-03T14:30:00Z", last="2013-03-01T14:30:00Z")


def test_the_verdict_is_a_sentence_for_a_person() -> None:
    said = speak(told("lstm", "simple_rnn", -0.00012, -0.0005, 0.0003))
    assert said["answer"] == "cannot tell"
    assert said["sentence"] == (
        "Cannot tell: on AAPL, 2005–2013, after costs, the LSTM earned 0.012 % a day less than the SimpleRNN, "
        "95 % interval −0.05 % to +0.03 %."
    )
    assert speak(told("lstm", "simple_rnn", 0.001, 0.0004, 0.0016))["answer"] == "better"
    assert str(speak(told("lstm", "simple_rnn", 0.0, None, None))["sentence"]).endswith(
        "the LSTM earned the same as the SimpleRNN; both did exactly the same."
    )


def test_the_second_sentence_is_about_simple_rivals_and_the_third_counts_comparisons() -> None:
    pair = told("lstm", "simple_rnn", 0.0001, -0.001, 0.001)
    none = [told(m, r, 0.0, -0.1, 0.1, 0.9875) for r in ("buy_and_hold", "always_flat") for m in ("simple_rnn", "lstm")]
    details = speak(pair, *none)["details"]
    assert isinstance(details, list)
    assert details[0] == (
        "Neither network can be told apart from buying and holding; neither can be told apart from holding nothing."
    )
    assert details[1].startswith("5 comparisons were made; the 4 with simple rivals use wider, 98.75 % intervals")
    some = [told("lstm", "buy_and_hold", -0.1, -0.2, -0.05, 0.975), told("lstm", "always_flat", 0.1, 0.05, 0.2, 0.975)]
    details = speak(pair, *some)["details"]
    assert isinstance(details, list)
    assert details[0] == ("The LSTM did worse than buying and holding; the LSTM did better than holding nothing.")


def test_the_pairing_at_equal_parameters_has_a_sentence_of_its_own_and_counts() -> None:
    pair = told("lstm", "simple_rnn", 0.0001, -0.001, 0.001)
    wide = told("lstm", "simple_rnn_wide", -0.0002, -0.001, 0.0006, 0.99)
    models = ("lstm", "simple_rnn", "simple_rnn_wide")
    nothing = [told(model, "always_flat", 0.0, -0.1, 0.1, 0.99) for model in models]
    said = speak(pair, wide, *nothing)
    assert "less than the SimpleRNN with" not in str(said["sentence"])
    assert said["details"][:2] == [  # type: ignore[index]
        "At equal parameters, cannot tell: the LSTM earned 0.02 % a day less than the SimpleRNN with as many "
        "parameters, 99 % interval −0.1 % to +0.06 %. No network can be told apart from holding nothing.",
        "5 comparisons were made; the 4 beside the verdict's use wider, 99 % intervals, so that all of them together "
        "hold at 95 %.",
    ]  # fmt: skip


def test_two_alike_are_named_together() -> None:
    pair = told("lstm", "simple_rnn", 0.0001, -0.001, 0.001)
    holding = [told(model, "buy_and_hold", 0.0, -0.1, 0.1) for model in ("lstm", "simple_rnn")]
    nothing = [told(model, "always_flat", 0.1, 0.05, 0.2) for model in ("lstm", "simple_rnn")]
    assert speak(pair, *holding, *nothing)["details"][0] == (  # type: ignore[index]
        "Neither network can be told apart from buying and holding; both did better than holding nothing."
    )
    assert speak(pair, *nothing)["details"][0] == "Both networks did better than holding nothing."  # type: ignore[index]


def test_networks_that_differ_against_one_rival_are_told_apart() -> None:
    mixed = [told("lstm", "always_flat", 0.1, 0.05, 0.2), told("simple_rnn", "always_flat", 0.1, -0.05, 0.2)]
    details = speak(told("lstm", "simple_rnn", 0.0001, -0.001, 0.001), *mixed)["details"]
    assert isinstance(details, list)
    assert details[0] == ("The LSTM did better than holding nothing while the SimpleRNN cannot be told apart from it.")


def test_several_networks_of_one_answer_are_listed_and_counted_without_a_verdict() -> None:
    answers = {"gru": (0.05, 0.2), "lstm": (-0.05, 0.2), "irnn": (0.05, 0.2), "cnn": (-0.1, 0.2)}
    said = speak(*(told(model, "always_flat", 0.1, low, high, 0.9875) for model, (low, high) in answers.items()))
    assert str(said["sentence"]).endswith(
        "after costs: The GRU and the IRNN did better than holding nothing while the LSTM and the CNN cannot be told "
        "apart from it."
    )
    assert said["details"][0] == (  # type: ignore[index]
        "4 comparisons were made; they use wider, 98.75 % intervals, so that all of them together hold at 95 %."
    )


def test_the_best_baseline_is_called_so() -> None:
    pair = told("lstm", "simple_rnn", 0.0001, -0.001, 0.001)
    best = [told(model, "logistic", -0.1, -0.2, -0.05) for model in ("lstm", "simple_rnn")]
    assert speak(pair, *best)["details"][0] == (  # type: ignore[index]
        "Both networks did worse than logistic regression (the best baseline)."
    )


def test_a_network_that_never_held_anything_is_named_in_the_verdict() -> None:
    pair = told("lstm", "simple_rnn", 0.001, 0.0005, 0.002)
    said = verdict([pair], symbol="ES", first="2013-09-03", last="2013-09-03", idle=["lstm"])["sentence"]
    assert "after costs, the LSTM never held anything; it earned 0.1 % a day more" in said


def test_a_single_network_is_judged_against_its_rivals() -> None:
    said = speak(told("lstm", "always_flat", 0.1, 0.05, 0.2))
    assert (said["answer"], str(said["sentence"])[:11]) == ("better", "One network")
    assert speak()["answer"] == "cannot tell"


def test_four_comparisons_share_one_twentieth() -> None:
    assert rival_level(4) == 0.9875


@pytest.mark.parametrize(
    ("value", "text"), [(0.00012, "0.012 %"), (-0.25, "−25 %"), (1e-8, "0.000001 %"), (0.0, "0 %"), (12.0, "1200 %")]
)
def test_percentages_have_two_digits_and_no_exponent(value: float, text: str) -> None:
    assert percent(value) == text


def test_a_difference_of_the_size_that_can_be_seen_is_told_four_times_in_five() -> None:
    rng = np.random.default_rng(20)
    pilot = rng.normal(0.0, 0.01, 400)
    seen = sight(compare(pilot, np.zeros(400)), pilot, per_year=252)
    assert seen is not None
    assert seen.a_unit == pytest.approx(2.80 * 0.01 / 20, rel=0.1)  # 1.96 + 0.84 standard errors of 400 days
    assert (seen.a_year, seen.sharpe) == (
        pytest.approx(252 * seen.a_unit), pytest.approx(2.80 / 20 * np.sqrt(252), rel=0.03)
    )  # fmt: skip
    drawn = rng.normal(seen.a_unit, pilot.std(), (300, 400))
    told = [compare(each, np.zeros(400), rng=rng, draws=400).answer == "better" for each in drawn]
    assert np.mean(told) == pytest.approx(0.8, abs=0.07)  # three standard deviations


def test_without_an_interval_nothing_is_known_of_what_could_be_seen() -> None:
    assert sight(compare(np.zeros(50), np.zeros(50)), np.zeros(50), per_year=252) is None


def test_fills_at_the_time_of_the_decision_are_a_caveat() -> None:
    made = [compare(np.random.default_rng(0).normal(0, 0.01, 100), np.zeros(100))]
    said = {"symbol": "ES", "first": "2020-01-02", "last": "2020-05-01"}
    assert verdict(made, **said)["caveats"] == []
    (caveat,) = verdict(made, **said, at_once=0.25)["caveats"]
    assert caveat.startswith("25 % of the decisions were filled within the time stamp at which they were made")
