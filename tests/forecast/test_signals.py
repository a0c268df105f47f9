import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.signals import decide, members, positions
from pipelines.errors import ConfigError


def test_probabilities_become_buy_hold_and_sell_around_the_band():
    probability = np.array([0.49, 0.5, 0.51, 0.55, 0.56, 0.44, 0.45])
    assert decide(probability, band=0.05).tolist() == ["hold", "hold", "hold", "hold", "buy", "sell", "hold"]
    assert decide(probability, band=0.0)[:3].tolist() == ["sell", "hold", "buy"]


@pytest.mark.parametrize("band", [-0.01, 0.5, float("nan")])
def test_an_impossible_band_is_refused(band):
    with pytest.raises(ConfigError, match=r"Need a band of at least 0 and below 0\.5"):
        decide(np.array([0.5]), band=band)


def test_hold_keeps_the_position_and_policies_differ_in_what_sell_means():
    signals = np.array(["hold", "sell", "buy", "hold", "buy", "sell", "hold", "buy"])
    assert positions(signals, policy="long-flat").tolist() == [0, 0, 1, 1, 1, 0, 0, 1]
    assert positions(signals, policy="long-short").tolist() == [0, -1, 1, 1, 1, -1, -1, 1]
    with pytest.raises(ConfigError, match="policy out of long-flat, long-short, got 'both'"):
        positions(signals, policy="both")


@given(signals=st.lists(st.sampled_from(["buy", "hold", "sell"]), min_size=1), cut=st.integers(1, 50))
def test_a_position_depends_on_no_later_signal(signals, cut):
    all_of_them = positions(np.array(signals), policy="long-short")
    np.testing.assert_array_equal(positions(np.array(signals[:cut]), policy="long-short"), all_of_them[:cut])


def prediction(model, seed, time, probability):
    time = pd.Timestamp(time, tz="UTC")
    return {
        "symbol": "A",
        "model": model,
        "seed": seed,
        "decided_at": time,
        "entry_at": time,
        "probability": probability,
    }


def test_the_ensemble_is_the_mean_probability_over_seeds_of_one_model():
    rows = [
        prediction("lstm", 0, "2020-01-01", 0.9),
        prediction("lstm", 0, "2020-01-02", 0.2),
        prediction("lstm", 1, "2020-01-01", 0.7),
        prediction("lstm", 1, "2020-01-02", 0.6),
        prediction("simple_rnn", 0, "2020-01-01", 0.1),
    ]
    found = members(pd.DataFrame(rows))
    ensemble = found[(found.model == "lstm") & (found.member == "ensemble")]
    assert ensemble.entry_at.dt.day.tolist() == [1, 2]
    assert ensemble.probability.tolist() == pytest.approx([0.8, 0.4])
    assert found[found.member == "1"].probability.tolist() == [0.7, 0.6]
    assert len(found) == 5 + 3


def test_two_decisions_within_one_time_stamp_stay_two():
    rows = [
        prediction("lstm", seed, "2020-01-01", probability)
        for seed, probability in ((0, 0.2), (0, 0.9), (1, 0.4), (1, 0.7))
    ]
    found = members(pd.DataFrame(rows))
    assert found[found.member == "ensemble"].probability.tolist() == pytest.approx([0.3, 0.8])
