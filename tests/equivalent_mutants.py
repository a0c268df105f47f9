"""Changes of `tests.mutants` that change nothing, by module and reason; a name is the one of Mutant.name."""

_REASONS: dict[str, dict[str, tuple[str, ...]]] = {
    "pipelines/preprocessing/labels.py": {
        "A barrier that is not a number is reached by no price, like one at infinity.": ("triple_barrier: 0.0 -> 1.0",),
        "No volatility is exactly the smallest one that counts.": (
            "triple_barrier: np.nan_to_num(deviation, nan=0.0) > _ROUNDING"
            " -> np.nan_to_num(deviation, nan=0.0) >= _ROUNDING",
        ),
    },
    "pipelines/preprocessing/walk_forward.py": {
        "A block of so many moments is never empty.": ("by_length: 0 -> 1",),
        "A block ends after its start anyway, at least a moment later.": ("_after: start + 1 -> start - 1",),
        "Without test rows nothing is learned from, wherever they would begin.": ("_fold: 0 -> 1",),
        "The rows added are those that validate, which are purged.": (
            "_fold: len(usable) - len(validation) -> len(usable) + len(validation)",
        ),
    },
    "pipelines/preprocessing/features.py": {
        "No volatility is exactly the smallest one that counts.": (
            "_momentum: deviation < _ROUNDING -> deviation <= _ROUNDING",
        ),
    },
    "pipelines/preprocessing/combinatorial_cv.py": {
        "The rows added are those that validate, which are purged.": (
            "combinatorial: len(usable) - len(validation) -> len(usable) + len(validation)",
        ),
    },
    "pipelines/preprocessing/sample_weights.py": {
        "How unique labels are does not depend on the bar from which bars are counted.": (
            "weigh: 1 -> 2",
            "weigh: windows.ends[teaching] + 1 -> windows.ends[teaching] - 1",
        ),
        "What is divided by its mean may be of any size.": ("uniqueness: 1.0 -> 2.0",),
        "The last end is counted however few are asked for.": ("uniqueness: length + 1 -> length - 1 (2)",),
    },
    "pipelines/market/adjustments.py": {
        "Nothing was paid before the first session, and no gain is then nearer to what was paid.": (
            "with_gains: 1.0 -> 2.0",
        ),
        "The product after each factor leaves the first one out.": ("split_after: 1.0 -> 2.0",),
        "A dividend of 0 has the factor 1.": ("before_dividends: dividend > 0 -> dividend >= 0",),
        "A factor at the first bar changes no earlier one.": (
            "before_dividends: 0 < row < len(bars) -> 0 <= row < len(bars)",
        ),
    },
    "pipelines/bars/aggregation.py": {
        "How many ticks are aggregated at a time changes no bar.": (
            "module: 1 -> 2",
            "module: 17 -> 18",
            "_blocks: 1 -> 2",
            "_blocks: first + 1 -> first - 1",
            "_blocks: starts[first] + _BLOCK -> starts[first] - _BLOCK",
        ),
        "Without a bar there are no prices at all.": ("_aggregate: 0 -> 1",),
        "Where there is a bid there is an ask.": (
            "_aggregate: ticks.bid is not None and ticks.ask is not None"
            " -> ticks.bid is not None or ticks.ask is not None",
        ),
    },
    "pipelines/bars/boundaries.py": {
        "Both ways find the same ends, the one in many short bars faster, the other in few long ones.": (
            "_by_sum: (total[-1] - total[0]) / amount -> (total[-1] - total[0]) * amount",
            "_by_sum: (total[-1] - total[0]) / amount > len(ticks) / 100"
            " -> (total[-1] - total[0]) / amount >= len(ticks) / 100",
            "_by_sum: -1 -> +1",
            "_by_sum: 0 -> 1",
            "_by_sum: 1 -> 2 (2)",
            "_by_sum: 100 -> 101",
            "_by_sum: len(ticks) / 100 -> len(ticks) * 100",
            "_by_sum: len(ticks) and (total[-1] - total[0]) / amount > len(ticks) / 100"
            " -> len(ticks) or (total[-1] - total[0]) / amount > len(ticks) / 100",
            "_by_sum: total[-1] - total[0] -> total[-1] + total[0]",
        ),
        "Any row beyond the last says that the bar does not end.": (
            "by_run.end_of: 1 -> 2",
            "_first_far: 1 -> 2 (2)",
            "_first_far: 1 -> 2 (4)",
        ),
        "How far is looked at once changes no end.": ("_first_far: 2 -> 3 (2)",),
        "A change of price further back is found in the second round.": ("state_at: 1000 -> 1001",),
        "Two weeks on either side are more than enough, and so is a day more.": (
            "_intervals: 14 -> 15",
            "_intervals: 14 -> 15 (2)",
        ),
        "Intervals after the last trade hold nothing.": ("_intervals: closes[:-1] <= last -> closes[:-1] < last",),
        "An interval of no length holds nothing.": ("_starts: 0 -> 1",),
        "Where one session follows the other at once there is no interval between them either way.": (
            "_starts: opened > before -> opened >= before",
        ),
    },
    "forecast/trading/simulator.py": {
        "Nothing is held after the last open.": ("account: 0.0 -> 1.0",),
        "Targets of one symbol have two axes.": ("trade_all: -1 -> +1",),
        "Of these columns only the first is read.": (
            "_positions: 1 -> 2",
            "_positions: 0 -> 1 (2)",
            "_positions: bar - 1 -> bar + 1 (2)",
            "_positions: 2 -> 3",
        ),
    },
    "forecast/trading/ledgers.py": {
        "A side is 1 or -1.": (
            "trade_frame: np.concatenate([trade.side for trade in trades]) > 0"
            " -> np.concatenate([trade.side for trade in trades]) >= 0",
        ),
        "All rows of a ledger are of one symbol, and there are two at least.": ("read_ledgers: 0 -> 1",),
    },
    "forecast/trading/position_sizing.py": {
        "A side is 1 or -1.": ("targets: share * side -> share / side",),
    },
    "forecast/trading/signals.py": {
        "Any key that tells the members apart does; they are put in order by name.": (
            "members: model.astype(np.int64) * (int(seed.max(initial=0)) + 1) + seed"
            " -> model.astype(np.int64) * (int(seed.max(initial=0)) + 1) - seed",
            "members: 1 -> 2 (3)",
            "members: 0 -> 1 (3)",
        ),
        "Any number below 0 says that nothing was decided yet.": ("positions: 1 -> 2",),
        "numpy takes any negative length for the one to be found.": ("_alike: 1 -> 2",),
    },
    "forecast/trading/spread_estimator.py": {
        "Before the first and the second open there is no pair, whichever is counted.": ("half_spread: 0 -> 1",),
    },
    "forecast/trading/probability_calibration.py": {
        "A slope of 0 at the limit has its root there.": (
            "_temperature: slope(high) >= 0.0 -> slope(high) > 0.0",
        ),
        "A map has both kinds of steps or none.": (
            "ProbabilityCalibration.apply: self.predicted is not None and self.observed is not None"
            " -> self.predicted is not None or self.observed is not None",
        ),
    },
    "forecast/trading/cross_section.py": {
        "Both ways put the rows in order alike.": (
            "_by_day_and_value: day.max() <= np.iinfo(np.uint16).max -> day.max() < np.iinfo(np.uint16).max",
        ),
        "Where no name is taken nothing is held, by whatever it is divided.": (
            "_two_sides: 1 -> 2",
            "_two_sides: 0 -> 1",
            "_two_sides: count > 0 -> count >= 0 (2)",
        ),
        "Of no rows nothing is read.": ("day_ranks: 0 -> 1 (2)",),
        "At most half of the names are taken on each side; of a single one the two sides cancel.": (
            "_quantile: ranks.names // 2 -> ranks.names * 2",
        ),
    },
    "forecast/statistics/bootstrap.py": {
        "Draws are made in parts of any size.": ("module: 300000 -> 300001",),
        "Curvature and spectrum grow alike.": ("block_length: product / length -> product * length",),
        "A correlation of measured returns lies on no bound exactly.": (
            "block_length: np.abs(product) > 2.0 * math.sqrt(math.log10(length) / length) * scale"
            " -> np.abs(product) >= 2.0 * math.sqrt(math.log10(length) / length) * scale",
        ),
        "More blocks than fill a series are cut off.": (
            "resampled_means: length / block -> length * block",
            "resampled_means: 6.0 -> 7.0",
            "resampled_means: 10 -> 11",
        ),
    },
    "forecast/statistics/comparisons.py": {
        "A limit of measured returns is not zero exactly.": (
            "_comparison: low > 0 -> low >= 0",
            "_comparison: high < 0 -> high <= 0",
        ),
        "A p-value of 1 and more is the last of its family either way.": ("_decided: 1.0 -> 2.0",),
    },
    "forecast/statistics/drift.py": {
        "An outcome is 0 or 1.": ("_hits: outcome > 0.5 -> outcome >= 0.5",),
    },
    "forecast/statistics/multiple_testing.py": {
        "A mean of measured returns lies on no bound exactly, nor does a draw equal it.": (
            "superior_predictive_ability: mean < -spread / math.sqrt(days) * math.sqrt(2.0 * math.log(math.log(days)))"
            " -> mean <= -spread / math.sqrt(days) * math.sqrt(2.0 * math.log(math.log(days)))",
            "superior_predictive_ability: mean > 0 -> mean >= 0",
            "superior_predictive_ability: simulated > float((mean / spread).max())"
            " -> simulated >= float((mean / spread).max())",
            "confidence_set: worst > widest -> worst >= widest",
        ),
        "The last strategy has a p-value of 1 either way.": ("confidence_set: len(models) > 1 -> len(models) >= 1",),
    },
    "forecast/statistics/risk.py": {
        "A spread of measured returns lies on no bound exactly.": (
            "rolling: spread > 1e-12 -> spread >= 1e-12",
            "distribution: spread > 1e-12 -> spread >= 1e-12",
        ),
    },
    "forecast/statistics/sharpe_ratio.py": {
        "A spread of measured returns lies on no bound exactly.": (
            "moments: spread <= 1e-12 * max(1.0, float(np.abs(returns).max(initial=0.0)))"
            " -> spread < 1e-12 * max(1.0, float(np.abs(returns).max(initial=0.0)))",
        ),
        "At least 1 is taken of it either way.": ("moments: 0.0 -> 1.0",),
        "One try among others is worth one by the formula, too.": ("effective_trials: trials <= 1 -> trials < 1",),
        "Equal ones were told apart before.": ("probabilistic_sharpe: sharpe > benchmark -> sharpe >= benchmark",),
    },
}  # fmt: skip

EQUIVALENT = {
    (path, name): why for path, reasons in _REASONS.items() for why, names in reasons.items() for name in names
}
"""(path, Mutant.name) -> why it changes nothing."""
