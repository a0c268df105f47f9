"""`python -m tests.benchmarks.mde`: is the stated minimum detectable effect found with the power that is said?

Simulated experiments go through the whole rule: scores and accounts of ensembles and seeds, days in blocks, Student's
t, Holm's correction, the gate before money. Nothing is trained: seed k of network m forecasts with

    score = skill(m, fold, k) x signal + noise that its seeds share + noise of its own,

and the signal correlates with the next tradable return, whose volatility clusters. How alike seeds are, how much their
skill differs and how often positions change are those of the trained networks of docs/verdict.md's controls.

What one experiment states is then the truth of another one: pilot experiments (seeds 700,000 and up), at several skills
of the LSTM, state effects and show which skill has which true difference; the effect that pilot k states is planted in
experiment k (seeds 0 and up), which is judged. A second row plants the median of what they state in all experiments.
Without skill the true difference is zero, or what trading costs: prices have no drift.
"""

import argparse
from collections.abc import Mapping, Sequence
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

Case = tuple[str, str]  # question, benchmark

FOLDS, ROWS, SEEDS = 3, 500, 3  # test rows of a fold; as many validation rows lie before them
SIGNAL = 0.4  # correlation of the signal with the next return
ALIKE, SHARED = 0.17, 0.44  # correlation of scores without skill: of the two networks, of two seeds of one of them
SPREAD = 0.075  # standard deviation of skill over seeds and folds
RULES = TradingConfig(policy="long-flat", threshold=0.0, costs=Costs(fee_bps=1, slippage_bps=2))
CASES: tuple[Case, ...] = (
    ("skill", "base_rate"), ("skill", "simple_rnn"), ("money", "cash"), ("money", "simple_rnn"),
)  # fmt: skip
SKILLS = (0.0, 0.1, 0.2, 0.3, 0.45, 0.7)  # of the LSTM's seeds on average; the SimpleRNN's is 0


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
    probability = [0.5 + 0.02 * np.tanh(score[rows[place * ROWS : (place + 1) * ROWS]])
                   for place, score in enumerate(scores.values())]  # fmt: skip
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


def outcomes(skills: Sequence[float], *, first: int) -> list[dict[Case, Outcome]]:
    """Every case's comparison in one experiment for each of these skills of the LSTM, with seeds from `first` on."""
    rows = []
    for seed, skill in enumerate(skills, start=first):
        compared = {
            (comparison.question, comparison.benchmark): comparison
            for comparison in experiment(seed, lstm=skill, simple_rnn=0.0)
            if comparison.model == "lstm"
        }
        rows.append({case: _outcome(compared[case]) for case in CASES})
    return rows


def _outcome(comparison: Comparison) -> Outcome:
    stated = comparison.minimum_detectable_effect
    return Outcome(
        answer=comparison.answer,
        reason=comparison.reason,
        difference=comparison.difference,
        stated=np.nan if stated is None else stated,
        costs=comparison.attribution.costs if comparison.attribution is not None else 0.0,
    )


def planted(case: Case, pilots: Mapping[float, Sequence[Outcome]]) -> tuple[Floats, float]:
    """The skills whose true difference is what each pilot states, and is the median of that; pilots: by skill.

    Each pilot states its effect in the world that it lives in, the one whose skill is nearest to what the median asks
    for; the same days without skill take most of the chance off the true differences.
    """
    skills = np.array(sorted(pilots))
    none = pilots[0.0]
    zero = float(np.mean([pilot.costs for pilot in none])) if case[1] == "cash" else 0.0
    gains = [
        zero
        + np.mean(
            [skilled.difference - without.difference for skilled, without in zip(pilots[skill], none, strict=True)]
        )
        for skill in skills
    ]
    medians = [np.nanmedian([pilot.stated for pilot in pilots[skill]]) for skill in skills]
    middle = float(np.interp(0.0, np.array(gains) - medians, skills))
    world = pilots[skills[int(np.argmin(np.abs(skills - middle)))]]
    stated = np.array([pilot.stated for pilot in world])
    return np.interp(stated[~np.isnan(stated)], gains, skills), middle


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.benchmarks.mde", description=__doc__)
    parser.add_argument("--experiments", type=int, default=200)
    parser.add_argument("--pilots", type=int, default=400)
    arguments = parser.parse_args()
    print(f"{FOLDS * ROWS:,} test days, {FOLDS} folds, {SEEDS} seeds; {arguments.experiments} experiments")
    pilots = {skill: outcomes([skill] * arguments.pilots, first=700_000) for skill in SKILLS}
    for case in CASES:
        own, middle = planted(case, {skill: [row[case] for row in rows] for skill, rows in pilots.items()})
        for name, skills in (("what each states", own), ("their median", np.full(arguments.experiments, middle))):
            rows = [row[case] for row in outcomes(np.resize(skills, arguments.experiments).tolist(), first=0)]
            hits = sum(row.answer == "better" for row in rows)
            gated = sum(row.reason == "no_skill" for row in rows)
            low, high = wilson(hits, len(rows))
            mean = np.mean([row.difference for row in rows])
            print(
                f"{case[0]}, LSTM {case[1]:<12} planted: {name:<17} mean {mean:8.5f} found {hits / len(rows):.1%} "
                f"({low:.1%} to {high:.1%}), {gated} closed by the gate",
                flush=True,
            )


if __name__ == "__main__":
    main()
