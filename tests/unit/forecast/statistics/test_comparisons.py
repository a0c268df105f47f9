"""The rule: Holm within families, money behind skill, nothing from a single seed or an idle model."""

from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from forecast.config.trading import Costs
from forecast.statistics.attribution import asset_returns, return_parts
from forecast.statistics.comparisons import (
    Comparison,
    compare_accounts,
    daily_sums,
    money_comparisons,
    skill_comparisons,
)
from forecast.statistics.inference import estimate_difference
from forecast.statistics.multiple_testing import holm
from forecast.statistics.performance import bar_returns
from forecast.statistics.skill import SkillScores
from forecast.trading.simulator import Ledger, trade

DAYS = 500


def scores(*, lstm: float, simple_rnn: float = 0.0, seeds: int = 3, logistic: float | None = None) -> SkillScores:
    rng = np.random.default_rng(21)
    days = np.datetime64("2015-01-01") + np.arange(DAYS)
    ensembles, single = {}, {}
    for model, mean in (("lstm", lstm), ("simple_rnn", simple_rnn), ("logistic", logistic)):
        if mean is not None:
            rows = mean + rng.normal(0, 1, DAYS)[:, None] + rng.normal(0, 0.4, (DAYS, seeds))
            ensembles[model], single[model] = rows.mean(axis=1), rows
    return SkillScores(days=days, ensembles=ensembles, seeds=single)


def find(comparisons: list[Comparison], model: str, benchmark: str) -> Comparison:
    return next(
        comparison for comparison in comparisons if (comparison.model, comparison.benchmark) == (model, benchmark)
    )


def accounts(positions: dict[tuple[str, str], np.ndarray], *, fee_bps: float = 1.0, edge: float = 0.0) -> list[Ledger]:
    rng = np.random.default_rng(8)
    opens = 100 * np.exp(np.cumsum(rng.normal(edge, 0.01, DAYS + 1)))
    times = np.datetime64("2015-01-01T14:30", "ns") + np.arange(DAYS + 1) * np.timedelta64(1, "D")
    return [
        trade(
            position, symbol="TEST", model=model, member=member, opened_at=times, opens=opens,
            costs=Costs(fee_bps=fee_bps, slippage_bps=0),
        )
        for (model, member), position in positions.items()
    ]  # fmt: skip


def traded(*, busy: str = "simple_rnn", fee_bps: float = 20.0) -> list[Ledger]:
    """Two networks without skill, one of which turns its position at every open."""
    turning = (np.arange(DAYS) % 2).astype(float)
    rows = {}
    for model in ("lstm", "simple_rnn"):
        for member in ("ensemble", "0", "1", "2"):
            rows[model, member] = turning if model == busy else np.full(DAYS, 0.5)
    rows |= {("buy_and_hold", "ensemble"): np.ones(DAYS), ("cash", "ensemble"): np.zeros(DAYS)}
    return accounts(rows, fee_bps=fee_bps)


@pytest.mark.parametrize("seed", range(20))
def test_holm_rejects_what_statsmodels_rejects(seed: int) -> None:
    p_values = np.random.default_rng(seed).uniform(0, 0.06, 6)
    steps = holm(p_values.tolist(), level=0.95)
    rejected, adjusted, *_ = multipletests(p_values, alpha=0.05, method="holm")
    assert [step.rejected for step in steps] == rejected.tolist()
    assert [step.p_adjusted for step in steps] == pytest.approx(adjusted.tolist())
    assert [p < 1 - step.level for p, step in zip(p_values, steps, strict=True)] == rejected.tolist()


def test_skill_is_better_where_the_interval_lies_above_zero_and_its_mirror_worse() -> None:
    comparisons = skill_comparisons(scores(lstm=0.4))
    pair = find(comparisons, "lstm", "simple_rnn")
    assert (pair.answer, pair.family, pair.level, pair.unit) == ("better", "architectures", 0.95, "rank_ic")
    assert pair.low is not None
    assert pair.low > 0
    assert find(skill_comparisons(scores(lstm=0.0, simple_rnn=0.4)), "lstm", "simple_rnn").answer == "worse"
    assert find(comparisons, "simple_rnn", "base_rate").reason == "interval_contains_zero"


def test_a_family_shares_its_level_and_the_pair_stands_alone() -> None:
    comparisons = skill_comparisons(scores(lstm=0.0, logistic=0.0))
    assert find(comparisons, "lstm", "simple_rnn").level == 0.95
    levels = {comparison.level for comparison in comparisons if comparison.family == "base_rate"}
    assert max(levels) <= 1 - 0.05 / 2 + 1e-12
    baselines = [comparison for comparison in comparisons if comparison.family == "baselines"]
    assert [comparison.benchmark for comparison in baselines] == ["logistic", "logistic"]
    assert [comparison.model for comparison in comparisons if comparison.family == "reference"] == ["logistic"]


def test_every_pair_with_another_model_is_compared_in_a_family_of_its_own_and_changes_no_other_family() -> None:
    two = scores(lstm=0.1)
    rng = np.random.default_rng(4)
    ensembles, seeds = dict(two.ensembles), dict(two.seeds)
    for model, mean in (("gru", 0.4), ("model:mine", -0.4)):
        seeds[model] = mean + rng.normal(0, 1, DAYS)[:, None] + rng.normal(0, 0.4, (DAYS, 3))
        ensembles[model] = seeds[model].mean(axis=1)
    four = skill_comparisons(replace(two, ensembles=ensembles, seeds=seeds))
    others = [comparison for comparison in four if comparison.family == "models"]
    assert {frozenset((comparison.model, comparison.benchmark)) for comparison in others} == {
        frozenset(pair)
        for pair in (
            ("lstm", "gru"), ("lstm", "model:mine"), ("simple_rnn", "gru"), ("simple_rnn", "model:mine"),
            ("gru", "model:mine"),
        )
    }  # fmt: skip
    assert len(others) == 5
    assert find(others, "gru", "model:mine").answer == "better"
    assert find(others, "simple_rnn", "gru").answer == "worse"
    p_values = [comparison.p_value for comparison in others]
    expected = multipletests(p_values, alpha=0.05, method="holm")[1]
    assert [comparison.p_adjusted for comparison in others] == pytest.approx(expected.tolist())
    pair = find(skill_comparisons(two), "lstm", "simple_rnn")
    assert find(four, "lstm", "simple_rnn") == pair


def test_a_run_of_the_default_networks_has_no_family_of_other_models() -> None:
    wide = scores(lstm=0.4)
    ensembles = {**wide.ensembles, "simple_rnn_wide": wide.ensembles["simple_rnn"] + 0.01}
    seeds = {**wide.seeds, "simple_rnn_wide": wide.seeds["simple_rnn"] + 0.01}
    families = {comparison.family for comparison in skill_comparisons(replace(wide, ensembles=ensembles, seeds=seeds))}
    assert families == {"architectures", "equal_parameters", "base_rate"}


def test_a_single_seed_gives_no_verdict() -> None:
    pair = find(skill_comparisons(scores(lstm=0.8, seeds=1)), "lstm", "simple_rnn")
    assert (pair.answer, pair.reason, pair.seeds) == ("inconclusive", "single_seed", 1)
    assert pair.minimum_detectable_effect is None


def test_a_test_that_can_claim_nothing_leaves_the_others_of_its_family_their_level() -> None:
    comparisons = [
        comparison for comparison in skill_comparisons(scores(lstm=0.8, seeds=1)) if comparison.family == "base_rate"
    ]
    assert [(comparison.reason, comparison.p_value) for comparison in comparisons] == [("single_seed", None)] * 2
    assert [comparison.level for comparison in comparisons] == pytest.approx([1 - 0.05 / 2] * 2)


COPIES = frozenset({("lstm", "1"), ("lstm", "2")})


def test_copies_of_one_training_are_no_further_seeds() -> None:
    daily_scores = scores(lstm=0.8)
    first = daily_scores.seeds["lstm"][:, :1]
    changed = replace(
        daily_scores,
        ensembles={**daily_scores.ensembles, "lstm": first[:, 0]},
        seeds={**daily_scores.seeds, "lstm": first},
        copies=COPIES,
    )
    pair = find(skill_comparisons(changed), "lstm", "base_rate")
    assert (pair.answer, pair.reason, pair.seeds) == ("inconclusive", "identical_seeds", 1)
    assert pair.minimum_detectable_effect is None
    money = find(money_comparisons(traded(), sessions=None, skill=[], copies=COPIES), "lstm", "simple_rnn")
    assert (money.answer, money.reason, money.seeds) == ("inconclusive", "identical_seeds", 1)


def test_a_copy_changes_no_interval_of_money_nor_of_timing() -> None:
    rng = np.random.default_rng(3)
    chosen = {str(seed): rng.integers(0, 2, DAYS).astype(float) for seed in range(2)}
    rows = {("lstm", member): values for member, values in {"ensemble": chosen["0"], **chosen}.items()}
    rows |= {("buy_and_hold", "ensemble"): np.ones(DAYS), ("cash", "ensemble"): np.zeros(DAYS)}
    with_copy = accounts({**rows, ("lstm", "2"): chosen["1"]})
    copied = find(money_comparisons(with_copy, sessions=None, skill=[], copies={("lstm", "2")}), "lstm", "cash")
    once = find(money_comparisons(accounts(rows), sessions=None, skill=[]), "lstm", "cash")
    assert copied == once
    assert copied != find(money_comparisons(with_copy, sessions=None, skill=[]), "lstm", "cash")


def test_one_lucky_seed_of_three_is_not_enough() -> None:
    daily_scores = scores(lstm=0.0)
    lucky = daily_scores.seeds["lstm"].copy()
    lucky[:, 0] += 1.2
    changed = replace(
        daily_scores,
        ensembles={**daily_scores.ensembles, "lstm": lucky.mean(axis=1)},
        seeds={**daily_scores.seeds, "lstm": lucky},
    )
    assert changed.ensembles["lstm"].mean() > 4 / np.sqrt(DAYS)  # four standard errors of the days alone
    assert find(skill_comparisons(changed), "lstm", "base_rate").answer == "inconclusive"


def test_too_few_sessions_claim_nothing() -> None:
    pair = find(skill_comparisons(scores(lstm=0.8), sessions=2), "lstm", "simple_rnn")
    assert (pair.answer, pair.reason) == ("inconclusive", "too_few_sessions")


def test_paying_less_is_no_better_money_without_skill() -> None:
    ledgers = traded()
    skill = skill_comparisons(scores(lstm=0.0))
    pair = find(money_comparisons(ledgers, sessions=None, skill=skill), "lstm", "simple_rnn")
    assert pair.low is not None
    assert pair.low > 0  # it earned more, beyond doubt
    assert (pair.answer, pair.reason) == ("inconclusive", "no_skill")
    assert pair.attribution is not None
    assert pair.attribution.costs > 5 * abs(pair.attribution.timing)


def test_money_opens_behind_skill() -> None:
    skill = skill_comparisons(scores(lstm=0.5))
    assert find(skill, "lstm", "simple_rnn").answer == "better"
    assert find(money_comparisons(traded(), sessions=None, skill=skill), "lstm", "simple_rnn").answer == "better"
    worse = find(money_comparisons(traded(busy="lstm"), sessions=None, skill=skill), "lstm", "simple_rnn")
    assert (worse.answer, worse.reason) == ("inconclusive", "against_skill")  # it forecasts better and pays too much


def test_a_model_that_never_traded_is_compared_with_nothing() -> None:
    idle = [replace(ledger, model="lstm") for ledger in traded() if ledger.model == "cash" for _ in range(1)]
    ledgers = [ledger for ledger in traded() if ledger.model != "lstm"] + idle
    comparisons = money_comparisons(ledgers, sessions=None, skill=skill_comparisons(scores(lstm=0.5)))
    assert find(comparisons, "lstm", "simple_rnn").reason == "never_traded"


@pytest.mark.parametrize(
    ("difference", "reason"),
    [
        (np.zeros(100), "no_variation"),
        (np.full(100, 0.01), "no_variation"),
        (np.append(np.zeros(95), [0.1, 0.2, -0.1, 0.3, 0.1]), "differ_rarely"),
        (np.random.default_rng(0).normal(size=15), "too_few_observations"),
        (np.append(np.random.default_rng(0).normal(size=50), np.nan), "not_finite"),
    ],
)
def test_where_chance_cannot_be_measured_it_is_inconclusive(difference: np.ndarray, reason: str) -> None:
    comparison = compare_accounts(account(difference), account(np.zeros(len(difference))), sessions=None, level=0.95)
    assert (comparison.answer, comparison.reason, comparison.low) == ("inconclusive", reason, None)


def account(net: np.ndarray) -> Ledger:
    rows = np.append(net, 0.0)
    times = np.datetime64("2020-01-01", "ns") + np.arange(len(rows)) * np.timedelta64(1, "D")
    flat = np.zeros(len(rows))
    return Ledger(
        symbol="T",
        model="lstm",
        member="ensemble",
        time=times,
        position=flat,
        gross_return=rows,
        cost=flat,
        net_return=rows,
    )


def test_bars_are_summed_to_days_where_there_are_days_enough() -> None:
    values = np.arange(60, dtype=float)
    days = np.datetime64("2020-01-01") + np.append(np.arange(60) // 2, 29)
    sums, unit = daily_sums(values, sessions=days)
    assert unit == "day"
    np.testing.assert_array_equal(sums, values.reshape(30, 2).sum(axis=1))
    assert daily_sums(values, sessions=np.datetime64("2020-01-01") + np.append(np.arange(60) // 4, 14))[1] == "bar"


def test_timing_exposure_and_costs_add_up_to_the_difference() -> None:
    rng = np.random.default_rng(11)
    rows = {
        (model, member): rng.integers(-1, 2, DAYS).astype(float)
        for model in ("lstm", "simple_rnn")
        for member in ("ensemble", "0", "1")
    }
    rows |= {("buy_and_hold", "ensemble"): np.ones(DAYS), ("cash", "ensemble"): np.zeros(DAYS)}
    ledgers = accounts(rows, fee_bps=9.0, edge=0.001)
    sessions = np.datetime64("2015-01-01") + np.append(np.arange(DAYS) // 2, DAYS // 2)
    for comparison in money_comparisons(ledgers, sessions=sessions, skill=[]):
        parts = comparison.attribution
        assert parts is not None
        assert parts.timing + parts.exposure + parts.costs == pytest.approx(comparison.difference, abs=1e-12)


def test_a_constant_position_has_exposure_and_no_timing() -> None:
    pair = find(money_comparisons(traded(fee_bps=0.0), sessions=None, skill=[]), "lstm", "cash")
    assert pair.attribution is not None
    assert pair.attribution.timing == pytest.approx(0.0, abs=1e-15)
    assert pair.attribution.exposure == pytest.approx(pair.difference, rel=0.01)


def test_an_inconclusive_answer_says_what_larger_experiments_would_detect() -> None:
    comparisons = skill_comparisons(scores(lstm=0.0))
    pair = find(comparisons, "lstm", "simple_rnn")
    assert pair.answer == "inconclusive"
    assert pair.larger is not None
    assert pair.larger.seeds is not None
    assert pair.minimum_detectable_effect is not None
    assert pair.larger.days < pair.larger.symbols < pair.minimum_detectable_effect
    assert pair.larger.seeds < pair.minimum_detectable_effect
    assert find(skill_comparisons(scores(lstm=0.4)), "lstm", "simple_rnn").larger is None  # it is answered


def test_on_too_few_sessions_there_is_no_interval_of_money_nor_of_timing() -> None:
    sessions = np.full(DAYS + 1, np.datetime64("2015-01-01"))
    for comparison in money_comparisons(traded(), sessions=sessions, skill=[]):
        assert (comparison.reason, comparison.interval) == ("too_few_sessions", None)
        assert comparison.attribution is not None
        assert comparison.attribution.low is None


def compared(net: np.ndarray, *, sessions: np.ndarray | None = None, level: float = 0.95) -> Comparison:
    return compare_accounts(account(net), account(np.zeros(len(net))), sessions=sessions, level=level)


def test_twenty_observations_have_an_interval_and_nineteen_have_not() -> None:
    net = np.random.default_rng(2).normal(0.0, 0.01, 20)
    enough = compared(net, level=0.9)
    estimate = estimate_difference(net, np.zeros(20))
    assert enough.interval == pytest.approx(estimate.interval(0.9))
    assert (enough.unit, enough.observations, enough.level) == ("bar", 20, 0.9)
    assert (enough.block, enough.seeds) == (pytest.approx(estimate.block), 0)
    assert (enough.p_value, enough.p_adjusted) == (pytest.approx(estimate.p_value), 1.0)
    smallest = estimate.minimum_detectable_effect(level=0.9, power=0.8)
    assert enough.minimum_detectable_effect == pytest.approx(smallest)
    assert compared(net[:19]).reason == "too_few_observations"


def test_a_difference_on_twenty_days_is_one_and_on_nineteen_is_none() -> None:
    net = np.append(np.zeros(80), np.random.default_rng(3).normal(0.0, 0.01, 20))
    assert compared(net).interval is not None
    assert compared(np.append(net[:-1], 0.0)).reason == "differ_rarely"


def test_the_closing_row_belongs_to_no_session_of_its_own() -> None:
    net = np.random.default_rng(4).normal(0.0, 0.01, 40)
    days = np.datetime64("2020-01-01") + np.arange(40) // 2  # 20 sessions
    enough = compared(net, sessions=np.append(days, days[-1] + 1))
    assert (enough.unit, enough.observations) == ("day", 20)
    assert enough.difference == pytest.approx(net.sum() / 20)
    fewer = np.minimum(days, days[-1] - 1)  # 19
    assert compared(net, sessions=np.append(fewer, days[-1])).reason == "too_few_sessions"


def test_no_bars_are_no_difference() -> None:
    comparison = compared(np.empty(0))
    assert (comparison.difference, comparison.observations, comparison.reason) == (0.0, 0, "too_few_observations")


def test_the_interval_alone_decides_on_both_sides() -> None:
    net = np.random.default_rng(5).normal(0.0, 0.01, 300)
    reach = compared(net - net.mean()).high
    assert reach is not None
    answers = [compared(net - net.mean() + part * reach).answer for part in (-1.01, -0.99, 0.99, 1.01)]
    assert answers == ["worse", "inconclusive", "inconclusive", "better"]


def test_money_of_days_has_the_estimate_of_the_sums_and_their_seeds() -> None:
    rng = np.random.default_rng(12)
    rows = {
        (model, member): rng.integers(0, 2, DAYS).astype(float)
        for model in ("lstm", "simple_rnn")
        for member in ("ensemble", "0", "1", "2")
    }
    rows |= {("buy_and_hold", "ensemble"): np.ones(DAYS), ("cash", "ensemble"): np.zeros(DAYS)}
    ledgers = accounts(rows)
    sessions = np.datetime64("2015-01-01") + np.append(np.arange(DAYS) // 2, DAYS // 2)
    pair = find(money_comparisons(ledgers, sessions=sessions, skill=[]), "lstm", "simple_rnn")
    sums = {
        (ledger.model, ledger.member): bar_returns(ledger).reshape(-1, 2).sum(axis=1) for ledger in ledgers
    }  # fmt: skip
    seeds = [np.stack([sums[model, str(seed)] for seed in range(3)], axis=1) for model in ("lstm", "simple_rnn")]
    estimate = estimate_difference(
        sums["lstm", "ensemble"], sums["simple_rnn", "ensemble"], seeds_a=seeds[0], seeds_b=seeds[1]
    )
    assert (pair.interval, pair.seeds, pair.observations) == (pytest.approx(estimate.interval(0.95)), 3, DAYS // 2)
    assert pair.unit == "day"
    assert pair.attribution is not None
    parts = {
        (ledger.model, ledger.member): return_parts(ledger, asset_returns=asset_returns(ledgers[-2]))
        for ledger in ledgers
    }
    influence = {key: part.influence.reshape(-1, 2).sum(axis=1) for key, part in parts.items()}
    seeds = [np.stack([influence[model, str(seed)] for seed in range(3)], axis=1) for model in ("lstm", "simple_rnn")]
    timing = estimate_difference(
        influence["lstm", "ensemble"], influence["simple_rnn", "ensemble"], seeds_a=seeds[0], seeds_b=seeds[1]
    )
    assert (pair.attribution.low, pair.attribution.high) == pytest.approx(timing.interval(0.95))
    against_cash = find(money_comparisons(ledgers, sessions=sessions, skill=[]), "lstm", "cash").attribution
    assert against_cash is not None
    alone = estimate_difference(influence["lstm", "ensemble"], np.zeros(DAYS // 2), seeds_a=seeds[0])
    assert (against_cash.low, against_cash.high) == pytest.approx(alone.interval(0.95))


def test_a_position_in_many_assets_is_not_split_and_rounding_is_no_other_asset() -> None:
    ledgers = traded()
    apart = [
        replace(ledger, gross_return=ledger.gross_return + shift) if ledger.model == "lstm" else ledger
        for shift in (1e-8, 1e-11)
        for ledger in ledgers
    ]
    many, one = apart[: len(ledgers)], apart[len(ledgers) :]
    assert {comparison.attribution for comparison in money_comparisons(many, sessions=None, skill=[])} == {None}
    assert None not in {comparison.attribution for comparison in money_comparisons(one, sessions=None, skill=[])}
    joined = [replace(ledger, symbol="A+B") for ledger in ledgers]
    assert {comparison.attribution for comparison in money_comparisons(joined, sessions=None, skill=[])} == {None}


def test_accounts_that_are_alike_differ_in_no_timing() -> None:
    position = np.random.default_rng(13).integers(0, 2, DAYS).astype(float)
    rows = {(model, member): position for model in ("lstm", "simple_rnn") for member in ("ensemble", "0", "1")}
    rows |= {("buy_and_hold", "ensemble"): np.ones(DAYS), ("cash", "ensemble"): np.zeros(DAYS)}
    pair = find(money_comparisons(accounts(rows), sessions=None, skill=[]), "lstm", "simple_rnn")
    assert (pair.reason, pair.difference) == ("no_variation", 0.0)
    assert pair.attribution is not None
    assert (pair.attribution.timing, pair.attribution.low) == (0.0, None)


def test_a_last_session_of_one_bar_counts() -> None:
    session = np.append(np.arange(DAYS - 1) * 19 // (DAYS - 1), 19)  # 19 sessions of many bars, one of one
    sessions = np.datetime64("2015-01-01") + np.append(session, 20)
    for shift, reason in ((0, True), (1, False)):
        fewer = np.minimum(sessions, sessions[-2] - shift)
        comparisons = money_comparisons(traded(), sessions=fewer, skill=[])
        assert all((comparison.reason != "too_few_sessions") == reason for comparison in comparisons)


def test_a_baseline_that_never_trades_is_no_rival_and_one_that_does_is_the_only_one() -> None:
    ledgers = traded()
    cash = next(ledger for ledger in ledgers if ledger.model == "cash")
    busy = next(ledger for ledger in ledgers if ledger.model == "simple_rnn")
    baselines = [replace(cash, model="previous_sign"), replace(busy, model="logistic", member="ensemble")]
    comparisons = money_comparisons([*ledgers, *baselines], sessions=None, skill=[])
    pairs = [(comparison.model, comparison.benchmark) for comparison in comparisons if comparison.family == "baselines"]
    assert pairs == [("lstm", "logistic"), ("simple_rnn", "logistic")]
