"""Windows over made prices, for the tests of everything that reads windows."""

from pipelines.market.types import Bars
from pipelines.preprocessing import features, labels, windows
from pipelines.preprocessing.windows import Windows
from pipelines.sources.synthetic import random_walk


def random_walk_windows(*, bars: int = 100, steps: int = 10, horizon: int = 1, seed: int = 0) -> tuple[Bars, Windows]:
    """The bars of a random walk and their windows, with every feature and the direction of the next open as label."""
    prices = random_walk(bars=bars, seed=seed)
    target = labels.next_open_direction(prices, horizon=horizon)
    return prices, windows.build(features.compute(prices), target, steps=steps)
