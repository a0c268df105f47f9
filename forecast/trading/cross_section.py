"""Ranks of the symbols at one moment -> the share of the account that each is to have.

Long shares add up to 1 and short ones to -1, so a policy with both sides is neutral in money. Names with the same
probability are treated alike: where they compete for fewer places than there are of them, they share these places
equally, so that neither the alphabet nor the order of a file decides. Only `top-drop`, which holds whole names, has to
choose; it takes the order of a hash of symbol and moment, another one every day.
"""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from forecast.config.policies import CrossSectionalPolicy
from pipelines.market.types import Floats, Times
from pipelines.preprocessing.windows import Rows


def target_weights(
    probability: Floats, moments: Times, symbols: NDArray[np.object_], *, policy: CrossSectionalPolicy
) -> Floats:
    """The share of each symbol at each moment, shape (rows,): one row a symbol and moment, in any order.

    probability: shape (rows,). moments: when each was decided. symbols: whose it is. Of fewer names than a policy asks
    for it takes as many as there are: all for `top`, half of them for each side of `top-bottom` and `quantile`; with a
    single name a policy of two sides holds nothing.

    >>> day = np.zeros(4, "datetime64[ns]")
    >>> names = np.array(["A", "B", "C", "D"], dtype=object)
    >>> target_weights(np.array([0.6, 0.5, 0.5, 0.4]), day, names, policy=CrossSectionalPolicy(kind="top", count=2))
    array([0.5 , 0.25, 0.25, 0.  ])
    """
    _, day = np.unique(moments, return_inverse=True)
    if policy.kind == "top-drop":
        return _top_drop(probability, moments, symbols, day=day, policy=policy)
    return SHARES[policy.kind](day_ranks(probability, day), policy)


class DayRanks:
    """Of each row: how many names of its moment there are, are above it, below it, and are like it, itself included."""

    def __init__(self, *, names: Rows, above: Rows, below: Rows, alike: Rows, day: Rows) -> None:
        self.names, self.above, self.below, self.alike, self.day = names, above, below, alike, day

    def middle(self) -> Floats:
        """Midranks less their mean, from -(names - 1) / 2 to (names - 1) / 2."""
        return np.asarray((self.below - self.above) / 2.0)

    def among_highest(self, count: Rows) -> Floats:
        """How much of a place among the highest so many of its moment each row has, 0 to 1."""
        return np.asarray(np.clip((count - self.above) / self.alike, 0.0, 1.0))

    def among_lowest(self, count: Rows) -> Floats:
        """The same among the lowest."""
        return np.asarray(np.clip((count - self.below) / self.alike, 0.0, 1.0))


def day_ranks(values: Floats, day: Rows) -> DayRanks:
    """Ranks within each day. values: shape (rows,). day: the number of each row's day, from 0 on."""
    order = _by_day_and_value(values, day)
    sorted_day, sorted_values = day[order], values[order]
    new_day = np.append(True, np.diff(sorted_day) != 0) if len(order) else np.zeros(0, dtype=bool)
    new_run = new_day | np.append(True, np.diff(sorted_values) != 0)[: len(order)]
    names = np.bincount(day)[sorted_day] if len(order) else np.zeros(0, dtype=np.int64)
    first_of_day = np.flatnonzero(new_day)[np.cumsum(new_day) - 1]
    run = np.cumsum(new_run) - 1
    starts = np.flatnonzero(new_run)
    alike = np.diff(np.append(starts, len(order)))[run]
    below = starts[run] - first_of_day
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    return DayRanks(
        names=names[back], above=(names - below - alike)[back], below=below[back], alike=alike[back], day=day
    )


def _by_day_and_value(values: Floats, day: Rows) -> Rows:
    """The rows by day, then by value; of alike values in any order, which no rank depends on."""
    if len(day) and day.max() <= np.iinfo(np.uint16).max and not np.isnan(values).any():
        order = np.argsort(values)  # with the small numbers' radix sort after it a third of the time of lexsort
        return np.asarray(order[np.argsort(day[order].astype(np.uint16), kind="stable")])
    return np.lexsort((values, day))


def _top(ranks: DayRanks, policy: CrossSectionalPolicy) -> Floats:
    count = np.minimum(policy.count, ranks.names)
    return np.asarray(ranks.among_highest(count) / count)


def _two_sides(ranks: DayRanks, count: Rows) -> Floats:
    places = np.where(count > 0, count, 1)
    both = (ranks.among_highest(count) - ranks.among_lowest(count)) / places
    return np.where(count > 0, both, 0.0)


def _top_bottom(ranks: DayRanks, policy: CrossSectionalPolicy) -> Floats:
    return _two_sides(ranks, np.minimum(policy.count, ranks.names // 2))


def _quantile(ranks: DayRanks, policy: CrossSectionalPolicy) -> Floats:
    count = np.maximum(1, np.floor(policy.share * ranks.names + 1e-9).astype(np.int64))
    return _two_sides(ranks, np.minimum(count, ranks.names // 2))


def _rank_weighted(ranks: DayRanks, policy: CrossSectionalPolicy) -> Floats:
    middle = ranks.middle()
    side = np.bincount(ranks.day, weights=np.maximum(middle, 0.0))[ranks.day]
    return np.divide(middle, side, out=np.zeros_like(middle), where=side > 0.0)


SHARES: dict[str, Callable[[DayRanks, CrossSectionalPolicy], Floats]] = {
    "top": _top,
    "top-bottom": _top_bottom,
    "quantile": _quantile,
    "rank-weighted": _rank_weighted,
}


def _top_drop(
    probability: Floats,
    moments: Times,
    symbols: NDArray[np.object_],
    *,
    day: Rows,
    policy: CrossSectionalPolicy,
) -> Floats:
    """The rule of qlib's TopkDropoutStrategy (Yang et al. 2020): hold so many names, replace at most `drop` a day.

    The worst held names are sold as far as better ones are there to be bought; names that left are replaced besides.
    """
    shares = np.zeros(len(probability))
    order = np.argsort(day, kind="stable")
    portfolio: set[str] = set()
    for rows in np.split(order, np.flatnonzero(np.diff(day[order])) + 1):
        names: Sequence[str] = symbols[rows].tolist()
        score = dict(zip(names, probability[rows].tolist(), strict=True))
        moment = str(moments[rows[0]])
        first = {name: (-score[name], tie_order(name, moment)) for name in names}
        ranked = sorted(names, key=first.__getitem__)
        holdings = [name for name in ranked if name in portfolio]
        not_held = [name for name in ranked if name not in portfolio]
        missing = policy.count - len(holdings)
        candidates = not_held[: policy.drop + missing]
        worst = set([name for name in ranked if name in portfolio or name in set(candidates)][-policy.drop :])
        replaceable = max(0, len(candidates) - missing)  # of fewer names than are to be held, none is sold for nothing
        sells = [name for name in holdings if name in worst]
        sells = sells[len(sells) - min(replaceable, len(sells)) :]
        buys = candidates[: len(sells) + missing]
        portfolio = (set(holdings) - set(sells)) | set(buys)
        shares[rows] = [1.0 / len(portfolio) if name in portfolio else 0.0 for name in names]
    return shares


def tie_order(symbol: str, moment: str) -> bytes:
    """By what names of one probability are put in order: another one at every moment, the same on every machine."""
    return hashlib.sha256(f"{symbol} {moment}".encode()).digest()
