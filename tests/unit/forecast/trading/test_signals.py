import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.config.trading import Costs, TradingConfig
from forecast.trading.signals import decide, members, positions
from forecast.trading.strategy import accounts
from pipelines.errors import ConfigError, RunError


def test_probabilities_become_buy_hold_and_sell_around_the_band():
    probability = np.array([0.49, 0.5, 0.51, 0.55, 0.56, 0.44, 0.45])
    assert decide(probability, band=0.05).tolist() == ["hold", "hold", "hold", "hold", "buy", "sell", "hold"]
    assert decide(probability, band=0.0)[:3].tolist() == ["sell", "hold", "buy"]


@pytest.mark.parametrize("band", [-0.01, 0.5, float("nan")])
def test_an_impossible_band_is_refused(band):
    with pytest.raises(ConfigError, match=r"Expected a band of at least 0 and below 0\.5"):
        decide(np.array([0.5]), band=band)


def test_hold_keeps_the_position_and_policies_differ_in_what_sell_means():
    signals = np.array(["hold", "sell", "buy", "hold", "buy", "sell", "hold", "buy"])
    assert positions(signals, policy="long-flat").tolist() == [0, 0, 1, 1, 1, 0, 0, 1]
    assert positions(signals, policy="long-short").tolist() == [0, -1, 1, 1, 1, -1, -1, 1]
    with pytest.raises(ConfigError, match="policy long-flat or long-short for one symbol, got 'both'"):
        positions(signals, policy="both")


@given(signals=st.lists(st.sampled_from(["buy", "hold", "sell"]), min_size=1), cut=st.integers(1, 50))
def test_a_position_depends_on_no_later_signal(signals, cut):
    all_of_them = positions(np.array(signals), policy="long-short")
    np.testing.assert_array_equal(positions(np.array(signals[:cut]), policy="long-short"), all_of_them[:cut])


def prediction(model, seed, time, probability, **more):
    time = pd.Timestamp(time, tz="UTC")
    return {
        "symbol": "A",
        "model": model,
        "fold": 0,
        "seed": seed,
        "decided_at": time,
        "entry_at": time,
        "exit_at": time,
        "probability": probability,
        "target": 1.0,
        "forward_return": 0.01,
    } | more


def of(decisions, model, member):
    return decisions.probability[decisions.names.index((model, member))].tolist()


def test_the_ensemble_is_the_mean_probability_over_seeds_of_one_model():
    rows = [
        prediction(model, seed, day, probability)
        for model, seed, day, probability in (
            ("simple_rnn", 0, "2020-01-01", 0.1),
            ("lstm", 0, "2020-01-01", 0.9),
            ("simple_rnn", 0, "2020-01-02", 0.3),
            ("lstm", 1, "2020-01-01", 0.7),
            ("lstm", 0, "2020-01-02", 0.2),
            ("lstm", 1, "2020-01-02", 0.6),
        )
    ]
    decisions = members(pd.DataFrame(rows))
    assert of(decisions, "lstm", "ensemble") == pytest.approx([0.8, 0.4])
    assert of(decisions, "lstm", "1") == [0.7, 0.6]
    assert of(decisions, "simple_rnn", "ensemble") == of(decisions, "simple_rnn", "0") == [0.1, 0.3]
    assert [member for model, member in decisions.names if model == "lstm"] == ["0", "1", "ensemble"]
    assert decisions.entry_at.astype("datetime64[D]").astype(str).tolist() == ["2020-01-01", "2020-01-02"]


@pytest.mark.parametrize("seeds", [(3, 0, 7), (1, 0), (5,)])
def test_every_model_has_its_own_seeds_whatever_their_numbers(seeds):
    chances = {(model, seed): place / 20 for place, (model, seed) in enumerate(
        (model, seed) for model in ("gru", "lstm", "simple_rnn", "tcn") for seed in seeds
    )}  # fmt: skip
    days = ("2020-01-01", "2020-01-02")
    rows = [
        prediction(model, seed, day, chance + late / 100)
        for (model, seed), chance in chances.items()
        for late, day in enumerate(days)
    ]
    decisions = members(pd.DataFrame(rows[::2] + rows[1::2]))
    for (model, seed), chance in chances.items():
        assert of(decisions, model, str(seed)) == [chance, chance + 0.01]
    for model in ("gru", "lstm", "simple_rnn", "tcn"):
        mean = np.mean([chances[model, seed] for seed in seeds])
        assert of(decisions, model, "ensemble") == pytest.approx([mean, mean + 0.01])
    assert len(decisions.names) == 4 * (len(seeds) + 1)


def test_two_decisions_within_one_time_stamp_stay_two():
    rows = [
        prediction("lstm", seed, "2020-01-01", probability)
        for seed, probability in ((0, 0.2), (0, 0.9), (1, 0.4), (1, 0.7))
    ]
    assert of(members(pd.DataFrame(rows)), "lstm", "ensemble") == pytest.approx([0.3, 0.8])


@pytest.mark.parametrize(
    "other",
    [
        [prediction("lstm", 1, "2020-01-01", 0.5)],
        [prediction("lstm", 1, "2020-01-01", 0.5), prediction("lstm", 1, "2020-01-03", 0.5)],
        [prediction("lstm", 0, "2020-01-01", 0.5, symbol="B"), prediction("lstm", 0, "2020-01-02", 0.5, symbol="B")],
    ],
)
def test_members_that_did_not_decide_at_the_same_times_are_refused(other):
    rows = [prediction("lstm", 0, "2020-01-01", 0.9), prediction("lstm", 0, "2020-01-02", 0.2), *other]
    with pytest.raises(RunError, match="did not decide at the same times"):
        members(pd.DataFrame(rows))


def test_a_band_and_a_size_may_differ_from_decision_to_decision():
    probability = np.array([[0.6, 0.6, 0.4], [0.6, 0.6, 0.4]])
    signals = decide(probability, band=np.array([[0.05], [0.2]]))
    assert signals.tolist() == [["buy", "buy", "sell"], ["hold", "hold", "hold"]]
    sizes = np.array([0.5, 0.7, 2.0])
    assert positions(signals, policy="long-short", size=sizes).tolist() == [[0.5, 0.7, -2.0], [0, 0, 0]]
    sized = positions(np.array(["buy", "hold", "buy"]), policy="long-flat", size=sizes)
    assert sized.tolist() == [0.5, 0.5, 2.0]  # a hold keeps the size that was bought


def test_flat_overnight_positions_are_closed_at_the_last_open_of_each_session_and_that_is_paid_for():
    opened = pd.to_datetime(
        ["2024-01-02 19:00", "2024-01-02 19:30", "2024-01-02 20:00", "2024-01-03 14:30", "2024-01-03 15:00"], utc=True
    )
    prices = {name: [10.0, 11.0, 12.0, 24.0, 24.0] for name in ("open", "high", "low", "close")}
    bars = pd.DataFrame({"opened_at": opened, "closed_at": opened + pd.Timedelta("30min"), **prices, "volume": 1.0})
    rows = pd.DataFrame(
        {"symbol": "X", "model": "m", "fold": 0, "seed": 0, "decided_at": opened[:4], "entry_at": opened[:4],
         "exit_at": opened[1:], "probability": 0.9, "target": 1, "forward_return": 0.0}
    )  # fmt: skip
    costs = Costs(fee_bps=10, slippage_bps=0)
    rules = TradingConfig(policy="long-flat", threshold=0.0, costs=costs)
    ledgers = {
        calendar: accounts(rows, bars, rules=rules, closes_with=calendar).ledgers[0] for calendar in (None, "XNYS")
    }
    assert ledgers[None].position.tolist() == [1, 1, 1, 1, 0]
    flat = ledgers["XNYS"]
    assert flat.position.tolist() == [1, 1, 0, 1, 0]
    np.testing.assert_allclose(flat.cost, [0.001, 0, 0.001, 0.001, 0.001], atol=1e-12)
    np.testing.assert_allclose(np.prod(1 + flat.net_return), 0.999**4 * 12 / 10)  # the night's doubling is not earned
