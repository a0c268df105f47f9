"""Size and power of the skill verdict over a panel, on made-up forecasts: `python -m tests.benchmarks.panel_power`.

Returns have a common market with a beta per symbol and fat tails; forecasts persist from day to day, as networks' do,
and are shared by the seeds but for noise. edge: part of a symbol's own standardised return that the forecast knows.
"""

import argparse
from collections import Counter

import numpy as np

from forecast.statistics.comparisons import skill_comparisons
from forecast.statistics.cross_section import RankedRows, panel_scores

Pair = tuple[str, str]


def answers(seed: int, *, edge: float, names: int = 30, days: int = 500, seeds: int = 3) -> dict[Pair, str]:
    """The skill answers of one panel whose LSTM has the edge and whose SimpleRNN has none."""
    rng = np.random.default_rng(seed)
    moment = np.repeat(np.arange(days), names)
    own = rng.standard_t(4, len(moment)) * 0.015
    market = rng.normal(0.0, 0.01, days)[moment] * np.tile(rng.uniform(0.5, 1.5, names), days)
    session = np.datetime64("2010-01-01") + moment.astype("timedelta64[D]")
    rows = RankedRows(moment=moment, session=session, outcome=market + own)
    forecasts: dict[Pair, np.ndarray] = {}
    for model, strength in (("lstm", edge), ("simple_rnn", 0.0)):
        level = np.zeros((days, names))
        state = rng.normal(size=names)
        for day in range(days):
            state = 0.9 * state + np.sqrt(0.19) * rng.normal(size=names)
            level[day] = state
        common = level.ravel() + strength * own / 0.02
        members = [common + 0.5 * rng.normal(size=len(moment)) for _ in range(seeds)]
        forecasts |= {(model, str(number)): member for number, member in enumerate(members)}
        forecasts[model, "ensemble"] = np.mean(members, axis=0)
    compared = skill_comparisons(panel_scores(forecasts, rows), sessions=days)
    return {(comparison.model, comparison.benchmark): comparison.answer for comparison in compared}


def main() -> None:
    """Panels without an edge, and a sixth as many with one of 0.05."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks.panel_power", description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--panels", type=int, default=300)
    arguments = parser.parse_args()
    for edge, panels in ((0.0, arguments.panels), (0.05, arguments.panels // 6)):
        verdicts = [answers(arguments.first + number, edge=edge) for number in range(panels)]
        for pair in verdicts[0]:
            counts = Counter(answer[pair] for answer in verdicts)
            print(f"edge {edge:g}, {pair[0]} - {pair[1]}: {dict(counts)} of {panels} panels")


if __name__ == "__main__":
    main()
