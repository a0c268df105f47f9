"""Does choosing the best in one half of the time choose well for the other half?"""

from itertools import combinations

import numpy as np

from pipelines.market.types import Floats


def probability_of_overfitting(returns: Floats, *, blocks: int = 16) -> float:
    """The share of splits in which the strategy that was best in sample is below the median out of sample.

    Combinatorially symmetric cross-validation: Bailey, Borwein, López de Prado and Zhu (2017). returns: shape
    (observations, strategies), at least 2 strategies; time is cut into so many blocks (an even number), every half of
    them is in sample once, the other half out of sample. Strategies are ranked by their Sharpe ratio, ties share
    their mean rank. The last observations are left out where they fill no block.

    Raises:
        ValueError: an odd number of blocks, or fewer than two observations a block or two strategies.
    """
    length, strategies = len(returns) // blocks if blocks else 0, returns.shape[1]
    if blocks < 2 or blocks % 2 or length < 2 or strategies < 2:
        raise ValueError(
            f"Expected an even number of blocks with 2 observations each and 2 strategies. Received: {blocks} blocks, "
            f"shape {returns.shape}."
        )
    parts = returns[: length * blocks].reshape(blocks, length, strategies)
    chosen = np.array(list(combinations(range(blocks), blocks // 2)))
    inside = np.zeros((len(chosen), blocks))
    np.put_along_axis(inside, chosen, 1.0, axis=1)
    sums, squares, count = parts.sum(axis=1), np.square(parts).sum(axis=1), length * blocks // 2
    before, after = (_sharpe(half @ sums, half @ squares, count) for half in (inside, 1.0 - inside))
    best = before.argmax(axis=1)[:, None]
    score = np.take_along_axis(after, best, axis=1)
    rank = (after < score).sum(axis=1) + ((after == score).sum(axis=1) + 1) / 2
    return float((rank / (strategies + 1) <= 0.5).mean())


def _sharpe(total: Floats, squares: Floats, count: int) -> Floats:
    mean = total / count
    variance = np.maximum(squares / count - np.square(mean), 0.0)
    return np.divide(mean, np.sqrt(variance), out=np.zeros_like(mean), where=variance > 1e-18)
