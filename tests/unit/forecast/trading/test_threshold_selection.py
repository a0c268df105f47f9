"""What is chosen on validation rows, worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from forecast.config.trading import Costs, TradingConfig
from forecast.trading.market_state import conditions, trailing_volatility
from forecast.trading.probability_calibration import fit
from forecast.trading.signals import members
from forecast.trading.simulator import trade
from forecast.trading.threshold_selection import BANDS, choose, per_decision, recalibrated


def rules(**more):
    return TradingConfig(
        **{"policy": "long-flat", "threshold": "auto", "costs": Costs(fee_bps=0, slippage_bps=0)} | more
    )


def market(opens, volume=1.0):
    opened = pd.date_range("2020-01-01", periods=len(opens), freq="D", tz="UTC")
    opens = np.asarray(opens, dtype=float)
    return pd.DataFrame(
        {
            "opened_at": opened,
            "closed_at": opened + pd.Timedelta("6h"),
            "open": opens,
            "high": opens,
            "low": opens,
            "close": opens,
            "volume": volume,
        }
    )


def validation(bars, probability, *, rows=None, fold=0):
    rows = np.arange(len(probability)) if rows is None else rows
    opens = bars["open"].to_numpy()
    forward = opens[rows + 2] / opens[rows + 1] - 1
    return pd.DataFrame(
        {
            "symbol": "X",
            "model": "lstm",
            "fold": fold,
            "seed": 0,
            "decided_at": bars["closed_at"].to_numpy()[rows],
            "entry_at": bars["opened_at"].to_numpy()[rows + 1],
            "exit_at": bars["opened_at"].to_numpy()[rows + 2],
            "probability": probability,
            "target": (forward > 0).astype(float),
            "forward_return": forward,
        }
    )


def chosen(bars, rows, **more):
    trading = rules(**more)
    return choose(rows, conditions(bars, rules=trading, bars_per_year=None), rules=trading)


def test_the_band_that_keeps_out_the_wrong_signals_is_chosen():
    # said 0.51 before every fall, 0.54 before every rise, 0.3 in between: bands of 0.01 and 0.02 leave only the rises,
    # 0.01 is the narrowest that does
    moves = np.tile([1.02, 1.0, 0.98, 1.0], 10)
    bars = market(np.concatenate([[100, 100], 100 * np.cumprod(moves)]))
    probability = np.tile([0.54, 0.3, 0.51, 0.3], 10)
    choices = chosen(bars, validation(bars, probability))
    assert {choice.band for choice in choices} == {0.01}
    assert choices[0].utility == pytest.approx(10 * np.log(1.02) / 40)
    assert (choices[0].gain, choices[0].loss) == pytest.approx((0.02, 0.02))


@pytest.mark.parametrize(
    ("below", "band"),
    [(0, 0.005), (0.005, 0.01), (0.01, 0.02), (0.02, 0.03), (0.03, 0.05), (0.05, 0.08), (0.08, 0.12), (0.12, 0.2),
     (0.2, 0.3)],
)  # fmt: skip
def test_the_narrowest_band_that_keeps_out_the_falls_is_chosen(below, band):
    bars = market(np.concatenate([[100, 100], 100 * np.cumprod(np.tile([1.02, 1.0, 0.98, 1.0], 10))]))
    probability = np.tile([0.9, 0.1, 0.5 + (below + band) / 2, 0.1], 10)
    assert chosen(bars, validation(bars, probability))[0].band == band
    assert chosen(bars, validation(bars, np.tile([0.9, 0.1, 0.4, 0.1], 10)))[0].band == 0.0


def test_a_given_band_is_a_networks_and_a_baseline_trades_without_one():
    bars = market(100 + np.arange(42) % 3)
    rows = validation(bars, np.full(40, 0.6))
    both = chosen(bars, pd.concat([rows, rows.assign(model="logistic")]), threshold=0.03)
    assert {(choice.model, choice.band, choice.utility) for choice in both} == {
        ("lstm", 0.03, None),
        ("logistic", 0.0, None),
    }


def test_twenty_rows_choose_a_band():
    bars = market(np.linspace(100, 140, 40))
    (ensemble, seed) = chosen(bars, validation(bars, np.full(20, 0.6)))
    opens = bars["open"].to_numpy()
    assert ensemble.utility == seed.utility == pytest.approx(np.log(opens[21] / opens[1]) / 20)
    assert (ensemble.band, ensemble.note) == (0.0, "")


def test_sizes_by_volatility_are_those_that_are_known_at_each_open():
    rng = np.random.default_rng(1)
    bars = market(100 * np.exp(np.cumsum(rng.normal(0.002, rng.uniform(0.005, 0.03, 110)))))
    trading = rules(sizing="volatility", target_volatility=0.1, max_leverage=1.0)
    state = conditions(bars, rules=trading, bars_per_year=252)
    rows = validation(bars, np.full(40, 0.9), rows=np.arange(65, 105))
    (choices, _) = choose(rows, state, rules=trading)
    opens = bars["open"].to_numpy()
    volatility = trailing_volatility(bars["close"].to_numpy(), bars_per_year=252)
    ledger = trade(
        np.minimum(0.1 / volatility[66:106], 1.0), symbol="X", model="lstm", member="0",
        opened_at=state.opened_at[66:107], opens=opens[66:107], costs=Costs(fee_bps=0, slippage_bps=0),
    )  # fmt: skip
    assert choices.utility == pytest.approx(np.log1p(ledger.net_return).sum() / 40, rel=1e-9)


def test_rows_whose_session_left_no_room_calibrate_nothing_and_others_without_a_move_are_falls():
    rng = np.random.default_rng(3)
    bars = market(100 * np.exp(np.cumsum(rng.normal(0, 0.02, 80))))
    rows = validation(bars, rng.uniform(0.3, 0.7, 60))
    rows.loc[40:, ["forward_return", "target"]] = 0.0
    rows.loc[50:, "exit_at"] = rows.loc[50:, "entry_at"]
    choices = chosen(bars, rows, calibration="temperature", threshold=0.0)[0]
    first = rows.iloc[:50]
    alone = fit(first["probability"].to_numpy(), first["target"].to_numpy(), kind="temperature")
    assert choices.calibration.temperature == pytest.approx(alone.temperature, rel=1e-9)


def test_each_fold_has_its_own_map_and_band():
    rng = np.random.default_rng(4)
    bars = market(100 * np.exp(np.cumsum(rng.normal(0, 0.02, 200))))
    first = validation(bars, rng.uniform(0.4, 0.6, 60))
    second = validation(bars, rng.uniform(0.1, 0.9, 60), rows=np.arange(100, 160), fold=1)
    choices = chosen(bars, pd.concat([first, second]), calibration="temperature")
    ensembles = members(pd.concat([first.iloc[:20], second.iloc[:20]]))
    maps = {choice.fold: choice.calibration for choice in choices}
    expected = np.concatenate(
        [maps[0].apply(ensembles.probability[0, :20]), maps[1].apply(ensembles.probability[0, 20:])]
    )
    np.testing.assert_array_equal(recalibrated(choices, ensembles), [expected, expected])
    bands = {choice.fold: choice.band for choice in choices}
    assert per_decision(choices, ensembles, "band").tolist() == [[bands[0]] * 20 + [bands[1]] * 20] * 2


def test_where_every_trade_costs_more_than_it_earns_the_band_shuts_all_out():
    bars = market(np.concatenate([[100, 100], 100 * np.cumprod(np.tile([1.001, 0.999], 20))]))
    choices = chosen(bars, validation(bars, np.tile([0.56, 0.44], 20)), costs=Costs(fee_bps=50, slippage_bps=0))
    assert {choice.band for choice in choices} == {0.08}  # the first of the grid that 0.56 does not reach
    assert choices[0].utility == 0.0


def test_ruin_is_never_chosen():
    bars = market([100, 100, *np.tile([100.0, 250.0], 20)])
    probability = np.where(np.arange(40) % 2 == 0, 0.4, 0.45)  # short all the time at band 0
    choices = chosen(bars, validation(bars, probability), policy="long-short")
    assert choices[0].band == 0.12
    assert choices[0].utility == 0.0


def test_too_few_rows_choose_no_band_and_one_class_no_payoff():
    bars = market(np.linspace(100, 140, 40))
    few = chosen(bars, validation(bars, np.full(19, 0.6)), sizing="kelly")
    assert few[0].band == 0.0
    assert few[0].utility is None
    assert "19 validation rows are too few to choose a band: 0" in few[0].note
    assert "Kelly's fraction is not known, nothing is held" in few[0].note
    assert np.isnan(few[0].loss)


def test_rows_with_a_gap_between_them_are_accounts_of_their_own():
    opens = 100 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.02, 100)))
    bars = market(opens)
    rows = np.concatenate([np.arange(0, 25), np.arange(60, 85)])
    probability = np.full(50, 0.6)
    choices = chosen(bars, validation(bars, probability, rows=rows), costs=Costs(fee_bps=10, slippage_bps=0))
    growth = np.log(opens[26] / opens[1]) + np.log(opens[86] / opens[61]) + 4 * np.log(1 - 0.001)
    expected = max(growth / 50, 0.0)
    assert choices[0].utility == pytest.approx(expected)
    assert choices[0].band == (0.0 if growth > 0 else 0.12)


def test_folds_do_not_see_each_other():
    rng = np.random.default_rng(0)
    bars = market(100 * np.exp(np.cumsum(rng.normal(0, 0.02, 200))))
    first = validation(bars, rng.uniform(0.4, 0.6, 60))
    second = validation(bars, rng.uniform(0.4, 0.6, 60), rows=np.arange(100, 160), fold=1)
    alone = chosen(bars, first, calibration="temperature")
    both = chosen(bars, pd.concat([first, second]), calibration="temperature")
    assert [choice.to_json() for choice in alone] == [choice.to_json() for choice in both if choice.fold == 0]
    assert all(choice.band in BANDS for choice in both)
