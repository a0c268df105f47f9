"""`python -m tests.benchmarks.verdict`: how long the statistics of one backtest take."""

import time

import numpy as np

from forecast.statistics.bootstrap import resampled_means
from forecast.statistics.multiple_testing import common_block, confidence_set
from forecast.statistics.overfitting import probability_of_overfitting

DAYS, MODELS, DRAWS = 3_000, 12, 10_000


def main() -> None:
    """Processor seconds (all threads) and wall seconds, the median of 5."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0.0, 0.01, (DAYS + 1, MODELS))
    returns = noise[1:] + 0.2 * noise[:-1]  # neighbouring days resemble each other, so that there are blocks
    block, names = common_block(returns), [str(number) for number in range(MODELS)]
    print(f"{DRAWS:,} draws of {MODELS} models x {DAYS:,} days, mean block {block:.1f} days")
    for what, call in {
        "bootstrap": lambda: resampled_means(returns, block=block, draws=DRAWS, rng=rng),
        "bootstrap, blocks of one": lambda: resampled_means(returns, block=1.0, draws=DRAWS, rng=rng),
        "model confidence set": lambda: confidence_set(returns, names, block=block, draws=DRAWS, rng=rng),
        "overfitting, 16 blocks": lambda: probability_of_overfitting(returns, blocks=16),
    }.items():
        spent = []
        for _ in range(5):
            busy, wall = time.process_time(), time.perf_counter()
            call()
            spent.append((time.process_time() - busy, time.perf_counter() - wall))
        busy, wall = np.median(spent, axis=0)
        print(f"{what:<26} {busy:6.2f} s of processor time, {wall:6.2f} s")


if __name__ == "__main__":
    main()
