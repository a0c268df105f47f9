"""Windows -> folds in time order, purged: no training label is known later than the first decision it is tested on."""

from dataclasses import dataclass

import numpy as np

from pipelines.errors import ConfigError, TooFewBarsError
from pipelines.windows import Rows, Windows

_FIRST_TRAIN_SHARE = 0.4  # of all windows before the first test row: enough to learn from, most left to test on
_VALIDATION_SHARE = 0.15  # of the rows before a test block, the latest ones
_FEWEST_ROWS = {"train": 50, "validation": 10, "test": 5}


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold:
    """Row numbers of Windows, ascending: train before validation before test, purged in between."""

    number: int
    train: Rows
    validation: Rows
    test: Rows


def walk_forward(windows: Windows, *, folds: int) -> list[Fold]:
    """Expanding walk-forward folds: each block of test rows is predicted from all that was known before it.

    The test blocks are equal in length (the first ones a row longer where it does not divide) and follow each other
    without a gap from 40 % of the windows on. The last 15 % of the rows before a block are its validation rows.

    Raises:
        ConfigError: fewer than 1 fold.
        TooFewBarsError: a fold with too few rows to train, validate or test on.
    """
    if folds < 1:
        raise ConfigError(f"Need 1 fold or more, got {folds}.")
    rows = np.arange(len(windows), dtype=np.int64)
    first_test = int(len(rows) * _FIRST_TRAIN_SHARE)
    blocks = np.array_split(rows[first_test:], folds)
    return [_fold(windows, number=number, test=block) for number, block in enumerate(blocks)]


def _fold(windows: Windows, *, number: int, test: Rows) -> Fold:
    before = np.arange(test[0] if len(test) else 0, dtype=np.int64)
    usable = purge(windows, before, tested=test)
    validation = usable[len(usable) - int(len(usable) * _VALIDATION_SHARE) :]
    train = purge(windows, usable[: len(usable) - len(validation)], tested=validation)
    for name, rows in {"train": train, "validation": validation, "test": test}.items():
        if len(rows) < _FEWEST_ROWS[name]:
            raise TooFewBarsError(
                f"Need {_FEWEST_ROWS[name]} {name} rows in every fold, got {len(rows)} in fold {number} out of "
                f"{len(windows)} windows. Fetch more history, lower --folds or shorten --window."
            )
    return Fold(number=number, train=train, validation=validation, test=test)


def purge(windows: Windows, rows: Rows, *, tested: Rows) -> Rows:
    """The rows whose label is known before the first decision among `tested`."""
    if not len(tested):
        return rows[:0]
    return np.asarray(rows[windows.exit_at[rows] < windows.decided_at[tested[0]]])
