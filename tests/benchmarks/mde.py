"""`python -m tests.benchmarks.mde`: is the stated minimum detectable effect found with the power that is said?

Simulated experiments go through the whole rule: scores and accounts of ensembles and seeds, days in blocks, Student's
t, Holm's correction, the gate before money. Nothing is trained: seed k of network m forecasts with

    score = skill(m, fold, k) x signal + noise that its seeds share + noise of its own,

and the signal correlates with the next tradable return, whose volatility clusters. How alike seeds are, how much their
skill differs and how often positions change are those of the trained networks of docs/verdict.md's controls.

For each question the planted skill of the LSTM is chosen on pilot experiments (seeds 700,000 and up) so that the true
mean difference is the median effect that these experiments state; then 200 others (seeds 0 and up) are judged. The true
difference grows in proportion to the skill; how fast, the same pilots with and without skill say. Without skill it is
zero, or what trading costs: prices have no drift.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.config.trading import Costs, TradingConfig
from forecast.statistics.comparisons import Comparison
from forecast.statistics.summary import compare
from forecast.studies.power_results import wilson
from forecast.trading.strategy import accounts
from pipelines.market.calendars import session_of
from pipelines.market.types import Floats
from pipelines.sources.synthetic import random_walk

FOLDS, ROWS, SEEDS = 3, 500, 3  # test rows of a fold; as many validation rows lie before them
SIGNAL = 0.4  # correlation of the signal with the next return
ALIKE, SHARED = 0.17, 0.44  # correlation of scores without skill: of the two networks, of two seeds of one of them
SPREAD = 0.075  # standard deviation of skill over seeds and folds
RULES = TradingConfig(policy="long-flat", threshold=0.0, costs=Costs(fee_bps=1, slippage_bps=2))
CASES = (  # question, benchmark, planted skill of the SimpleRNN as a share of the LSTM's
    ("skill", "base_rate", 0.0),
    ("skill", "simple_rnn", 0.0),
    ("money", "cash", 0.0),
    ("money", "simple_rnn", 0.0),
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one experiment says of one comparison."""

    answer: str
    reason: str
    difference: float
    stated: float
    costs: float


def experiment(seed: int, *, lstm: float, simple_rnn: float) -> list[Comparison]:
    """All comparisons of one simulated experiment with the given mean skill of each network's seeds."""
    rng = np.random.default_rng([seed, 5])
    count = (FOLDS + 1) * ROWS
    walk = random_walk(bars=count + 30, seed=seed)
    moves = np.diff(np.log(walk.close))
    moves *= 0.01 / moves.std()  # a wilder market would have a larger true difference for the same skill
    opens = 100.0 * np.cumprod(np.concatenate([[1.0], 1.0 + moves]))  # simple returns, so that their mean is zero
    bars = pd.DataFrame(
        {
            "symbol": "MDE",
            "opened_at": pd.DatetimeIndex(walk.opened_at[: len(opens)]).tz_localize("UTC"),
            "closed_at": pd.DatetimeIndex(walk.closed_at[: len(opens)]).tz_localize("UTC"),
            **dict.fromkeys(("open", "high", "low", "close"), opens),
            "volume": 1.0,
        }
    )
    entry = 21 + np.arange(count)  # decided at the close before, held from this open to the next
    standard = moves / np.sqrt(np.convolve(np.square(moves), np.ones(61) / 61, "same"))
    signal = SIGNAL * standard[entry] + np.sqrt(1.0 - SIGNAL**2) * rng.standard_normal(count)
    scores: dict[tuple[str, int, int], Floats] = {}
    both = rng.standard_normal((FOLDS, count))
    for model, skill in (("lstm", lstm), ("simple_rnn", simple_rnn)):
        for fold in range(FOLDS):
            common = np.sqrt(ALIKE) * both[fold] + np.sqrt(SHARED - ALIKE) * rng.standard_normal(count)
            for member in range(SEEDS):
                noise = common + np.sqrt(1.0 - SHARED) * rng.standard_normal(count)
                scores[model, fold, member] = rng.normal(skill, SPREAD) * signal + noise
    tables = {part: _frame(bars, entry, moves, scores, ahead=ahead) for part, ahead in (("validation", 0), ("test", 1))}
    result = accounts(tables["test"], bars, rules=RULES, validation=tables["validation"], bars_per_year=365.25)
    sessions = session_of(walk.closed_at[: len(opens)][result.traded], "24/7")
    return compare(result.ledgers, tables["test"], sessions=sessions)


def _frame(
    bars: pd.DataFrame,
    entry: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    moves: Floats,
    scores: dict[tuple[str, int, int], Floats],
    *,
    ahead: int,
) -> pd.DataFrame:
    """Rows of every member: of each fold those that begin `ahead` blocks after its own number."""
    folds = np.array([fold for _, fold, _ in scores])
    rows = ((folds + ahead)[:, None] * ROWS + np.arange(ROWS)).ravel()
    probability = [0.5 + 0.02 * np.tanh(each[rows[place * ROWS : (place + 1) * ROWS]])
                   for place, each in enumerate(scores.values())]  # fmt: skip
    gain = moves[entry[rows]]
    model, _, seed = zip(*scores, strict=True)
    return pd.DataFrame(
        {
            "symbol": "MDE", "model": np.repeat(model, ROWS), "fold": np.repeat(folds, ROWS),
            "seed": np.repeat(seed, ROWS),
            "decided_at": bars["closed_at"].array[entry[rows] - 1],
            "entry_at": bars["opened_at"].array[entry[rows]],
            "exit_at": bars["opened_at"].array[entry[rows] + 1],
            "probability": np.concatenate(probability), "target": (gain > 0).astype(np.int8), "forward_return": gain,
        }
    )  # fmt: skip


def outcomes(case: tuple[str, str, float], *, skill: float, seeds: Sequence[int]) -> list[Outcome]:
    """The comparison of the LSTM that the case names, in each of the experiments."""
    question, benchmark, share = case
    rows = []
    for seed in seeds:
        each = next(
            each
            for each in experiment(seed, lstm=skill, simple_rnn=share * skill)
            if (each.question, each.model, each.benchmark) == (question, "lstm", benchmark)
        )
        stated = each.minimum_detectable_effect
        costs = each.attribution.costs if each.attribution is not None else 0.0
        rows.append(Outcome(answer=each.answer, reason=each.reason, difference=each.difference,
                            stated=np.nan if stated is None else stated, costs=costs))  # fmt: skip
    return rows


def planted(case: tuple[str, str, float], *, pilots: int) -> float:
    """The skill at which the true difference is the median stated effect, by the slope between two sets of pilots."""
    seeds = range(700_000, 700_000 + pilots)
    none = outcomes(case, skill=0.0, seeds=seeds)
    at_zero = float(np.mean([each.costs for each in none])) if case[1] == "cash" else 0.0
    skill = 0.3
    for _ in range(4):  # the next skill from the last one's slope, since the gain of more skill falls
        some = outcomes(case, skill=skill, seeds=seeds)
        slope = np.mean([a.difference - b.difference for a, b in zip(some, none, strict=True)]) / skill
        skill = float((np.nanmedian([each.stated for each in some]) - at_zero) / slope)
    return skill


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.benchmarks.mde", description=__doc__)
    parser.add_argument("--experiments", type=int, default=200)
    parser.add_argument("--pilots", type=int, default=150)
    parser.add_argument("--case", type=int, choices=range(len(CASES)), action="append", help="only these, by number")
    arguments = parser.parse_args()
    print(f"{FOLDS * ROWS:,} test days, {FOLDS} folds, {SEEDS} seeds; {arguments.experiments} experiments")
    print(f"{'comparison':<24} {'mean':>9} {'stated':>9} {'found':>7}  Wilson")
    for case in [CASES[number] for number in arguments.case or range(len(CASES))]:
        skill = planted(case, pilots=arguments.pilots)
        rows = outcomes(case, skill=skill, seeds=range(arguments.experiments))
        hits = sum(each.answer == "better" for each in rows)
        low, high = wilson(hits, len(rows))
        mean, stated = np.mean([each.difference for each in rows]), np.nanmedian([each.stated for each in rows])
        gated = sum(each.reason == "no_skill" for each in rows)
        print(
            f"{case[0] + ', LSTM ' + case[1]:<24} {mean:9.5f} {stated:9.5f} {hits / len(rows):7.1%}  "
            f"{low:.1%} to {high:.1%}; {gated} closed by the gate",
            flush=True,
        )


if __name__ == "__main__":
    main()
