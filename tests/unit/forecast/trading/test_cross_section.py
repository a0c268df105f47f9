import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from forecast.config.policies import cross_sectional
from forecast.config.trading import TradingConfig
from forecast.trading.cross_section import day_ranks, target_weights, tie_order
from pipelines.errors import ConfigError

DAY = np.timedelta64(1, "D")
START = np.datetime64("2020-01-01", "ns")


def shares(policy, *days):
    """days: {symbol: probability} of each moment; the shares in the same form."""
    rows = [(START + DAY * place, symbol, value) for place, day in enumerate(days) for symbol, value in day.items()]
    moments, symbols, values = (list(column) for column in zip(*rows, strict=True))
    weights = target_weights(
        np.array(values, dtype=float), np.array(moments), np.array(symbols, dtype=object),
        policy=cross_sectional(policy),
    )  # fmt: skip
    result = [{} for _ in days]
    for moment, symbol, share in zip(moments, symbols, weights.tolist(), strict=True):
        result[int((moment - START) / DAY)][symbol] = round(share, 12)
    return result[0] if len(days) == 1 else result


FIVE = {"A": 0.55, "B": 0.45, "C": 0.52, "D": 0.40, "E": 0.50}


def test_the_highest_are_bought_and_the_lowest_sold_with_one_account_on_each_side():
    assert shares("top-bottom:2", FIVE) == {"A": 0.5, "B": -0.5, "C": 0.5, "D": -0.5, "E": 0.0}
    assert shares("top:2", FIVE) == {"A": 0.5, "B": 0.0, "C": 0.5, "D": 0.0, "E": 0.0}
    assert shares("quantile:0.4", FIVE) == {"A": 0.5, "B": -0.5, "C": 0.5, "D": -0.5, "E": 0.0}
    assert shares("quantile:0.1", FIVE) == {"A": 1.0, "B": 0.0, "C": 0.0, "D": -1.0, "E": 0.0}  # one name at least
    eight = dict(zip("ABCDEFGH", np.arange(8) / 10, strict=True))
    assert list(shares("quantile:0.25", eight).values()) == [-0.5, -0.5, 0, 0, 0, 0, 0.5, 0.5]
    # ranks 2, -1, 1, -2, 0 about their mean: the longs add up to 3
    assert shares("rank-weighted", FIVE) == pytest.approx({"A": 2 / 3, "B": -1 / 3, "C": 1 / 3, "D": -2 / 3, "E": 0.0})


def test_of_two_names_the_higher_is_bought_and_the_lower_sold_whole_whatever_their_distance():
    assert shares("rank-weighted", {"A": 0.51, "B": 0.5}) == {"A": 1.0, "B": -1.0}
    assert shares("rank-weighted", {"A": 0.51, "B": 0.5, "C": 0.4}) == {"A": 1.0, "B": 0.0, "C": -1.0}


def test_names_of_one_probability_share_the_places_they_compete_for():
    tied = {"Z": 0.5, "A": 0.5, "M": 0.5, "B": 0.6}
    assert shares("top:2", tied) == pytest.approx({"Z": 1 / 6, "A": 1 / 6, "M": 1 / 6, "B": 1 / 2})
    assert set(shares("top-bottom:1", dict.fromkeys("ABCD", 0.5)).values()) == {0.0}
    assert set(shares("rank-weighted", dict.fromkeys("ABCD", 0.5)).values()) == {0.0}
    assert set(shares("top:2", dict.fromkeys("ABCD", 0.5)).values()) == {0.25}


def test_of_fewer_names_than_are_asked_for_there_are_as_many_as_there_can_be():
    assert shares("top-bottom:10", FIVE) == {"A": 0.5, "B": -0.5, "C": 0.5, "D": -0.5, "E": 0.0}
    assert shares("top:10", {"A": 0.6, "B": 0.4}) == {"A": 0.5, "B": 0.5}
    for policy in ("top-bottom:10", "quantile:0.1", "rank-weighted"):
        assert shares(policy, {"A": 0.9}) == {"A": 0.0}
    assert shares("top:10", {"A": 0.1}) == {"A": 1.0}


@pytest.mark.parametrize("step", [1, 2**16])
@pytest.mark.parametrize("digits", [1, 9])
def test_ranks_within_a_day_are_those_of_scipy_whatever_the_order_of_rows(step, digits):
    rng = np.random.default_rng(digits)
    day = step * rng.integers(0, 8, size=200)
    values = np.round(rng.normal(size=200), digits)
    ranks = day_ranks(values, day)
    for number in np.unique(day):
        rows = day == number
        for kind, expected in (("min", ranks.below + 1), ("max", ranks.names - ranks.above)):
            assert np.array_equal(rankdata(values[rows], method=kind), expected[rows])
        assert set(ranks.names[rows]) == {rows.sum()}
        mean = rankdata(values[rows])
        assert np.array_equal(ranks.middle()[rows], mean - mean.mean())


def test_no_row_has_no_rank():
    ranks = day_ranks(np.array([]), np.array([], dtype=np.int64))
    assert [len(sequence) for sequence in (ranks.names, ranks.above, ranks.below, ranks.alike)] == [0] * 4


def test_top_drop_replaces_at_most_so_many_names_a_day():
    first = {"A": 0.9, "B": 0.8, "C": 0.7, "D": 0.6, "E": 0.5, "F": 0.4}
    turned = {"A": 0.4, "B": 0.5, "C": 0.6, "D": 0.7, "E": 0.8, "F": 0.9}
    days = shares("top-drop:3:1", first, turned, turned, turned)
    portfolios = [{name for name, share in day.items() if share} for day in days]
    assert portfolios == [{"A", "B", "C"}, {"B", "C", "F"}, {"C", "E", "F"}, {"D", "E", "F"}]
    assert {share for day in days for share in day.values()} == {0.0, round(1 / 3, 12)}


def test_top_drop_fills_the_place_of_a_name_that_is_gone_beside_the_ones_it_replaces():
    first = {"A": 0.9, "B": 0.8, "C": 0.7, "D": 0.6, "E": 0.5}
    then = {"B": 0.4, "C": 0.7, "D": 0.8, "E": 0.9}
    assert {name for name, share in shares("top-drop:3:1", first, then)[1].items() if share} == {"C", "D", "E"}


@pytest.mark.parametrize("drop", [1, 2])
def test_top_drop_keeps_the_names_that_stay_the_best(drop):
    day = {"A": 0.9, "B": 0.8, "C": 0.7, "D": 0.6, "E": 0.5, "F": 0.4}
    portfolios = shares(f"top-drop:3:{drop}", day, day, day | {"C": 0.61, "D": 0.7})
    assert [{name for name, share in portfolio.items() if share} for portfolio in portfolios] == [
        {"A", "B", "C"}
    ] * 2 + [{"A", "B", "D"}]


def test_top_drop_sells_no_name_for_which_there_is_no_other():
    day = {"A": 0.4, "B": 0.6}
    portfolios = shares("top-drop:3:1", day, day, day)
    assert [{name for name, share in portfolio.items() if share} for portfolio in portfolios] == [{"A", "B"}] * 3


def test_top_drop_breaks_ties_by_another_order_every_day_that_every_machine_has():
    alike = dict.fromkeys("ABCDEF", 0.5)
    chosen = set()
    for place in range(1, 6):
        last = shares("top-drop:2:2", {"X": 0.1}, *[alike] * place)[-1]
        chosen.add("".join(sorted(name for name, share in last.items() if share)))
    assert len(chosen) > 1
    # the first bytes of `printf 'AAPL 2020-01-02' | sha256sum`
    assert tie_order("AAPL", "2020-01-02").hex()[:8] == "8e2a27cc"


values = st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.45, 0.5, 0.5001, 0.7]), min_size=1, max_size=12)


@given(values, st.sampled_from(["top:3", "top-bottom:3", "quantile:0.25", "rank-weighted"]))
def test_shares_add_up_and_do_not_depend_on_names_or_their_order(chances, policy):
    names = [f"S{place}" for place in range(len(chances))]
    weights = shares(policy, dict(zip(names, chances, strict=True)))
    again = shares(policy, dict(reversed(list(zip(names, chances, strict=True)))))
    assert weights == again
    by_chance = {}
    for name, chance in zip(names, chances, strict=True):
        by_chance.setdefault(chance, set()).add(weights[name])
    assert all(len(group) == 1 for group in by_chance.values())  # alike are treated alike
    total, long = sum(weights.values()), sum(share for share in weights.values() if share > 0)
    if policy.startswith("top:"):
        assert total == pytest.approx(1.0)
    else:
        assert total == pytest.approx(0.0, abs=1e-9)
        assert long == pytest.approx(1.0) or long < 1.0
    assert [weights[name] for name in sorted(names, key=lambda n: chances[names.index(n)])] == sorted(weights.values())


@pytest.mark.parametrize(
    "policy",
    ["top-bottom", "top-bottom:0", "top:-1", "quantile:0", "quantile:0.7", "quantile:1", "top-drop:5", "best:3"],
)
def test_a_policy_that_says_nothing_is_one_line(policy):
    with pytest.raises(ConfigError, match="Expected"):
        TradingConfig(policy=policy)


def test_more_names_replaced_than_held_is_one_line():
    with pytest.raises(
        ConfigError, match="Expected to replace at most the 5 names held for policy top-drop:5:6, got 6"
    ):
        TradingConfig(policy="top-drop:5:6")
    assert TradingConfig(policy="top-bottom:10").name.startswith("top-bottom-10_band-0.0")
