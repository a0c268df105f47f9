"""Rank information coefficients: scipy's Spearman correlation, folds, days, panels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from forecast.statistics.skill import rank_scores, scaled_returns, skill_scores


def predictions(probability: np.ndarray, returns: np.ndarray, *, symbol: str = "A", folds: int = 1) -> pd.DataFrame:
    """probability: shape (seeds, decisions)."""
    count = probability.shape[1]
    times = pd.date_range("2020-01-01", periods=count + 1, freq="D", tz="UTC")
    return pd.concat(
        pd.DataFrame(
            {
                "symbol": symbol, "model": "lstm", "fold": np.arange(count) * folds // count, "seed": seed,
                "decided_at": times[:-1], "entry_at": times[:-1], "exit_at": times[1:],
                "probability": row, "target": (returns > 0).astype(float), "forward_return": returns,
            }
        )
        for seed, row in enumerate(probability)
    )  # fmt: skip


def sessions(count: int) -> np.ndarray:
    return np.datetime64("2020-01-01") + np.arange(count)


@given(st.integers(0, 10_000))
def test_the_mean_score_is_spearmans_correlation_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    forecast, outcome = rng.integers(0, 6, 40).astype(float), rng.normal(size=40)
    if np.ptp(forecast) == 0:
        return
    scores = rank_scores(forecast, outcome, groups=np.zeros(40, dtype=np.int64))
    assert scores.mean() == pytest.approx(stats.spearmanr(forecast, outcome).statistic)


def test_a_constant_forecast_scores_nothing_and_levels_of_folds_do_not_count() -> None:
    returns = np.random.default_rng(0).normal(size=100)
    folds = np.repeat([0, 1], 50)
    assert not rank_scores(np.full(100, 0.6), returns, groups=folds).any()
    levels = np.where(folds == 0, 0.4, 0.6)  # a forecast that knows only which fold it is in
    assert not rank_scores(levels, np.sort(returns), groups=folds).any()


def test_the_order_alone_counts_so_that_overconfidence_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    probability, returns = rng.uniform(0.4, 0.6, (1, 80)), rng.normal(0, 0.01, 80)
    extreme = 1 / (1 + np.exp(-50 * (probability - 0.5)))
    first, second = (
        skill_scores(predictions(predicted, returns), sessions={"A": sessions(80)})
        for predicted in (probability, extreme)
    )
    np.testing.assert_allclose(first.ensembles["lstm"], second.ensembles["lstm"])


def test_returns_are_measured_against_earlier_ones_only() -> None:
    returns = np.random.default_rng(2).normal(0, 0.01, 120)
    later = returns.copy()
    later[100:] *= 7.0
    before, after = scaled_returns(returns), scaled_returns(later)
    np.testing.assert_allclose(before[20:100] * 1.0, after[20:100])
    assert before[80] == pytest.approx(returns[80] / np.sqrt(np.mean(returns[60:80] ** 2)))


def test_decisions_of_one_day_are_averaged_so_that_a_crowded_day_counts_once() -> None:
    rng = np.random.default_rng(3)
    returns = rng.normal(size=6)
    days = np.array(["2020-01-01"] * 4 + ["2020-01-02", "2020-01-03"], dtype="datetime64[D]")
    scores = skill_scores(predictions(rng.uniform(size=(1, 6)), returns), sessions={"A": days})
    probability = predictions(rng.uniform(size=(1, 6)), returns)["probability"]
    assert len(probability) == 6
    assert scores.days.tolist() == np.unique(days).tolist()
    assert scores.ensembles["lstm"].shape == (3,)


def test_symbols_of_a_panel_are_averaged_by_day() -> None:
    rng = np.random.default_rng(4)
    frames = [predictions(rng.uniform(size=(2, 50)), rng.normal(size=50), symbol=symbol) for symbol in "AB"]
    days = {"A": sessions(50), "B": sessions(50) + 10}
    panel = skill_scores(pd.concat(frames), sessions=days)
    alone = [skill_scores(frame, sessions=days) for frame in frames]
    assert len(panel.days) == 60
    np.testing.assert_allclose(panel.ensembles["lstm"][:10], alone[0].ensembles["lstm"][:10])
    both = (alone[0].ensembles["lstm"][10:] + alone[1].ensembles["lstm"][:40]) / 2
    np.testing.assert_allclose(panel.ensembles["lstm"][10:50], both)
    assert panel.seeds["lstm"].shape == (60, 2)


def test_a_training_that_forecasts_what_an_earlier_one_does_is_a_copy() -> None:
    rng = np.random.default_rng(6)
    first, other, returns = rng.uniform(size=20), rng.uniform(size=20), rng.normal(size=20)
    alike_in_order = first / 2  # the same ranks from another training
    daily_scores = skill_scores(
        predictions(np.stack([first, first, other, alike_in_order, other]), returns), sessions={"A": sessions(20)}
    )
    assert daily_scores.copies == {("lstm", "1"), ("lstm", "4")}
    assert daily_scores.seeds["lstm"].shape == (20, 3)


def test_trainings_that_learned_nothing_agree_without_being_copies() -> None:
    returns = np.random.default_rng(7).normal(size=20)
    base_rate = np.tile(np.where(np.arange(20) < 10, 0.52, 0.54), (3, 1))
    daily_scores = skill_scores(predictions(base_rate, returns, folds=2), sessions={"A": sessions(20)})
    assert daily_scores.copies == frozenset()
    assert daily_scores.seeds["lstm"].shape == (20, 3)


@pytest.mark.parametrize("count", [1, 19, 20, 21, 60])
def test_a_return_is_measured_in_the_root_mean_square_of_the_twenty_before_it(count: int) -> None:
    returns = np.random.default_rng(8).normal(0.0, 0.01, count)
    overall = np.mean(returns**2)
    expected = [
        value / np.sqrt(np.mean(returns[row - 20 : row] ** 2) if row >= 20 else overall)
        for row, value in enumerate(returns)
    ]
    assert scaled_returns(returns) == pytest.approx(expected, rel=1e-9)


def test_a_stretch_without_movement_counts_a_hundredth_of_the_mean_square() -> None:
    returns = np.concatenate([np.zeros(25), [0.01, -0.01] * 20])
    overall = np.mean(returns**2)
    scaled = scaled_returns(returns)
    assert scaled[25] == pytest.approx(0.01 / np.sqrt(0.01 * overall))
    assert scaled[60] == pytest.approx(0.01 * (1 if returns[60] > 0 else -1) / 0.01)
    assert scaled_returns(np.zeros(30)).tolist() == [0.0] * 30
    assert scaled_returns(np.empty(0)).tolist() == []


def test_the_score_of_a_day_is_the_mean_of_its_decisions() -> None:
    rng = np.random.default_rng(9)
    probability, returns = rng.uniform(size=(2, 6)), rng.normal(0.0, 0.01, 6)
    days = np.array(["2020-01-01"] * 3 + ["2020-01-02"] + ["2020-01-03"] * 2, dtype="datetime64[D]")
    scores = skill_scores(predictions(probability, returns), sessions={"A": days})
    outcome = stats.rankdata(returns / np.sqrt(np.mean(returns**2)))

    def standardised(values: np.ndarray) -> np.ndarray:
        return (stats.rankdata(values) - 3.5) / np.std(np.arange(6.0))

    for values, row in (
        (scores.ensembles["lstm"], probability.mean(axis=0)),
        (scores.seeds["lstm"][:, 1], probability[1]),
    ):
        products = standardised(row) * standardised(outcome)
        assert values == pytest.approx([products[:3].mean(), products[3], products[4:].mean()])


@pytest.mark.parametrize(("outcome", "score"), [([0.1, 0.2], 1.0), ([0.2, 0.1], -1.0), ([0.1, 0.1], 0.0)])
def test_two_decisions_are_in_order_or_are_not(outcome: list[float], score: float) -> None:
    forecast, groups = np.array([0.4, 0.6]), np.zeros(2, dtype=np.int64)
    assert rank_scores(forecast, np.array(outcome), groups=groups).tolist() == pytest.approx([score, score])


def test_a_model_that_is_missing_for_a_symbol_has_no_score() -> None:
    rng = np.random.default_rng(10)
    frames = [predictions(rng.uniform(size=(2, 30)), rng.normal(size=30), symbol=symbol) for symbol in "AB"]
    other = predictions(rng.uniform(size=(1, 30)), frames[0]["forward_return"].to_numpy()[:30], symbol="A")
    scores = skill_scores(
        pd.concat([*frames, other.assign(model="gru")]), sessions={"A": sessions(30), "B": sessions(30)}
    )
    assert set(scores.ensembles) == {"lstm"}
