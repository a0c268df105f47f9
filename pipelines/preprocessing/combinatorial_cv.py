"""Combinatorial purged cross-validation (Lopez de Prado 2018, ch. 12): many paths through one history.

All windows are cut into N groups in time order, and every choice of k of them is tested once by a fold that learns from
the rest, before and after. Each group is so tested by C(N - 1, k - 1) folds, which gives as many paths from the first
window to the last. A fold learns from later rows than it is tested on: paths say how much a result hangs on the stretch
of history it was found in, and never what one would have earned.
"""

from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ConfigError
from pipelines.preprocessing.walk_forward import VALIDATION_SHARE, Fold, checked, purge, time_span
from pipelines.preprocessing.windows import Rows, Windows

_MOST_FOLDS = 200


def count_folds(*, groups: int, tested: int) -> int:
    """C(groups, tested).

    Raises:
        ConfigError: fewer than 2 groups, no group left to learn from, or too many folds.
    """
    if groups < 2 or not 1 <= tested < groups or comb(groups, tested) > _MOST_FOLDS:
        raise ConfigError(
            f"Expected 2 groups or more, fewer of them tested than there are, and at most {_MOST_FOLDS} folds, got "
            f"{groups} groups of which {tested} are tested."
        )
    return comb(groups, tested)


def combinatorial(windows: Windows, *, groups: int, tested: int, embargo: str = "0d") -> list[Fold]:
    """C(groups, tested) folds, purged on both sides of every tested group; the last 15 % of the rest validate.

    embargo: a time span by which labels must be apart besides.

    Raises:
        ConfigError: an impossible number of groups, or an embargo that is no time span.
        TooFewBarsError: a fold with too few rows.
    """
    count_folds(groups=groups, tested=tested)
    blocks, apart = group_rows(len(windows), groups=groups), time_span(embargo)
    folds = []
    for number, chosen in enumerate(combinations(range(groups), tested)):
        usable = np.concatenate([block for group, block in enumerate(blocks) if group not in chosen])
        for group in chosen:
            usable = purge_around(windows, usable, tested=blocks[group], embargo=apart)
        validation = usable[len(usable) - int(len(usable) * VALIDATION_SHARE) :]
        train = purge(windows, usable[: len(usable) - len(validation)], tested=validation, embargo=apart)
        test = np.concatenate([blocks[group] for group in chosen])
        folds.append(checked(windows, number, train=train, validation=validation, test=test))
    return folds


def purge_around(windows: Windows, rows: Rows, *, tested: Rows, embargo: np.timedelta64) -> Rows:
    """The rows whose label ends before the first of the tested ones begins, or begins after the last of them ends."""
    if not len(tested):
        return rows
    begins, ends = windows.decided_at[tested].min(), windows.exit_at[tested].max()
    before = windows.exit_at[rows] + embargo < begins
    return np.asarray(rows[before | (windows.decided_at[rows] > ends + embargo)])


def group_rows(windows: int, *, groups: int) -> list[Rows]:
    """The rows of each group, in time order."""
    return np.array_split(np.arange(windows, dtype=np.int64), groups)


def path_folds(*, groups: int, tested: int) -> NDArray[np.int64]:
    """Which fold tests each group on each path, shape (paths, groups): a group's folds in turn.

    >>> path_folds(groups=4, tested=2)
    array([[0, 0, 1, 2],
           [1, 3, 3, 4],
           [2, 4, 5, 5]])
    """
    chosen = list(combinations(range(groups), tested))
    testing = [
        [number for number, groups_tested in enumerate(chosen) if group in groups_tested] for group in range(groups)
    ]
    return np.array(testing, dtype=np.int64).T
