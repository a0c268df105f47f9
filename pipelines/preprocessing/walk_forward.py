"""Windows -> folds in time order, purged: no training label is known later than the first decision it is tested on."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ConfigError, TooFewBarsError
from pipelines.market.types import Times
from pipelines.preprocessing.choices import SPLITS as SPLITS
from pipelines.preprocessing.windows import Rows, Windows

_FIRST_TRAIN_SHARE = 0.4  # of all windows before the first test row: enough to learn from, most left to test on
VALIDATION_SHARE = 0.15  # of the rows before a test block, the latest ones

_SECONDS = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
_NO_TIME = np.timedelta64(0, "ns")
FEWEST_ROWS = {"train": 50, "validation": 10, "test": 5}


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold:
    """Row numbers of Windows, ascending: train before validation, validation before test, purged in between.

    Test rows of combinatorial folds lie anywhere, purged on both sides.

    weights: how much each window counts in the loss, 0 for one that teaches nothing; shape (windows,), float32.
    """

    number: int
    train: Rows
    validation: Rows
    test: Rows
    weights: NDArray[np.float32]


def walk_forward(
    windows: Windows,
    *,
    folds: int,
    split: str = "expanding",
    embargo: str = "0d",
    planned: int | None = None,
    validation: float = VALIDATION_SHARE,
) -> list[Fold]:
    """Walk-forward folds: each block of test rows is predicted from what was known before it.

    The test blocks are equal in length (the first ones a row longer where it does not divide) and follow each other
    without a gap from 40 % of the windows on; decisions of one time, as symbols of a panel make, are in one block. The
    last 15 % of the rows before a block (the share `validation`) are its validation rows.
    split: "expanding" learns from all that came before, "rolling" from as many rows as the first block had before it.
    embargo: a time span ("5d", "30min") that a label must be known earlier still (Lopez de Prado 2018, ch. 7).
    planned: how many windows the blocks are laid out for, where the last of them are not there yet; the folds are then
    those whose test block has begun (with 5 rows).

    Raises:
        ConfigError: fewer than 1 fold, another split, or an embargo that is no time span.
        TooFewBarsError: a fold with too few rows to train, validate or test on.
    """
    if folds < 1:
        raise ConfigError(f"Expected 1 fold or more, got {folds}.")
    if split not in SPLITS:
        raise ConfigError(f"Expected a split out of {', '.join(SPLITS)}, got {split!r}.")
    apart = time_span(embargo)
    rows = np.arange(len(windows) if planned is None else planned, dtype=np.int64)
    first_test = int(len(rows) * _FIRST_TRAIN_SHARE)
    longest = first_test if split == "rolling" else len(rows)
    blocks = np.array_split(rows[first_test:], folds)
    if planned is not None:
        begun = (block[block < len(windows)] for block in blocks)
        blocks = [block for block in begun if len(block) >= FEWEST_ROWS["test"]]
    blocks = _together(windows, blocks)
    return [
        _fold(windows, number, test=block, longest=longest, embargo=apart, validation_share=validation)
        for number, block in enumerate(blocks)
    ]


def by_length(
    windows: Windows, *, train: str, test: str, embargo: str = "0d", validation: float = VALIDATION_SHARE
) -> list[Fold]:
    """Walk-forward folds of fixed lengths: each learns from what was decided in the `train` before it.

    train, test: moments of decision ("750", trading days on daily bars, whatever the number of symbols) or calendar
    years ("3y"). The first test block begins when so much history is there; the last may be shorter. validation: the
    share of the rows before a block that are its validation rows, the latest ones (Fischer and Krauss 2018: 0.2).

    Raises:
        ConfigError: a length that is none.
        TooFewBarsError: a fold with too few rows to train, validate or test on, or no block at all.
    """
    (in_years, learned), (tested_in_years, tested) = _length(train), _length(test)
    times, moment = np.unique(windows.decided_at, return_inverse=True)
    folds: list[Fold] = []
    apart = time_span(embargo)
    start = _starts(times, learned, by_year=in_years)
    while start < len(times):
        stop = _after(times, start, tested, by_year=tested_in_years)
        block = np.flatnonzero((moment >= start) & (moment < stop)).astype(np.int64)
        if len(folds) and len(block) < FEWEST_ROWS["test"]:
            break
        first = _before(times, start, learned, by_year=in_years)
        longest = int(block[0] - np.searchsorted(moment, first)) if len(block) else 0
        fold = _fold(windows, len(folds), test=block, longest=longest, embargo=apart, validation_share=validation)
        folds.append(fold)
        start = stop
    if not folds:
        raise TooFewBarsError(
            f"Expected more than {train} of history before the first test, got {len(times)} moments. Fetch more "
            "history or lower --train-length."
        )
    return folds


def check_length(text: str) -> None:
    """Whether a text is a length.

    Raises:
        ConfigError: it is not.
    """
    _length(text)


def _length(text: str) -> tuple[bool, float]:
    """Whether a length is in years, and how long: "750" moments, "3y"."""
    fits = re.fullmatch(r"(\d{1,6})(y?)", text.strip().lower())
    if fits is None or int(fits[1]) == 0:
        raise ConfigError(f"Expected a length in bars such as 750, or in years such as 3y, got {text!r:.40}.")
    return fits[2] == "y", float(fits[1])


_YEAR = np.timedelta64(int(365.25 * 86_400 * 10**9), "ns")


def _starts(times: Times, length: float, *, by_year: bool) -> int:
    """The number of the first moment that has so much history before it."""
    return int(np.searchsorted(times, times[0] + int(length) * _YEAR)) if by_year else int(length)


def _after(times: Times, start: int, length: float, *, by_year: bool) -> int:
    end = int(np.searchsorted(times, times[start] + int(length) * _YEAR)) if by_year else start + int(length)
    return min(max(end, start + 1), len(times))


def _before(times: Times, start: int, length: float, *, by_year: bool) -> int:
    return int(np.searchsorted(times, times[start] - int(length) * _YEAR)) if by_year else max(0, start - int(length))


def _together(windows: Windows, blocks: list[Rows]) -> list[Rows]:
    """The blocks, each begun at the first of the decisions that are made at the time of its first one."""
    starts = [int(np.searchsorted(windows.decided_at, windows.decided_at[block[0]])) for block in blocks if len(block)]
    if len(starts) < len(blocks):
        return blocks
    stops = [*starts[1:], int(blocks[-1][-1]) + 1]
    return [np.arange(start, stop, dtype=np.int64) for start, stop in zip(starts, stops, strict=True)]


def newest(windows: Windows, *, split: str = "expanding", embargo: str = "0d", test: Rows | None = None) -> Fold:
    """The fold that is tested on the newest window alone: it learns from every label that is known at its decision.

    test: the newest windows, ascending, where there are several, as of a panel.

    Raises:
        TooFewBarsError: too few rows to train or validate on.
    """
    last = np.array([len(windows) - 1], dtype=np.int64) if test is None else test
    longest = int(len(windows) * _FIRST_TRAIN_SHARE) if split == "rolling" else len(windows)
    return _fold(windows, 0, test=last, longest=longest, embargo=time_span(embargo), fewest={**FEWEST_ROWS, "test": 1})


def before(windows: Windows, number: int, *, test: Rows, embargo: str = "0d") -> Fold:
    """The fold of these test rows that learns from every label known before the first of them.

    Raises:
        TooFewBarsError: too few rows to train, validate or test on.
    """
    return _fold(windows, number, test=test, longest=len(windows), embargo=time_span(embargo))


def _fold(
    windows: Windows,
    number: int,
    *,
    test: Rows,
    longest: int,
    embargo: np.timedelta64,
    fewest: dict[str, int] = FEWEST_ROWS,
    validation_share: float = VALIDATION_SHARE,
) -> Fold:
    last = int(test[0]) if len(test) else 0
    before = np.arange(max(0, last - longest), last, dtype=np.int64)
    usable = purge(windows, before, tested=test, embargo=embargo)
    validation = usable[len(usable) - int(len(usable) * validation_share) :]
    train = purge(windows, usable[: len(usable) - len(validation)], tested=validation, embargo=embargo)
    return checked(windows, number, train=train, validation=validation, test=test, fewest=fewest)


def checked(
    windows: Windows,
    number: int,
    *,
    train: Rows,
    validation: Rows,
    test: Rows,
    fewest: dict[str, int] = FEWEST_ROWS,
) -> Fold:
    """The fold of these rows, each of which counts the same.

    Raises:
        TooFewBarsError: too few rows to train, validate or test on.
    """
    for name, rows in {"train": train, "validation": validation, "test": test}.items():
        if len(rows) < fewest[name]:
            raise TooFewBarsError(
                f"Expected {fewest[name]} {name} rows in every fold, got {len(rows)} in fold {number} out of "
                f"{len(windows)} windows. Fetch more history, lower --folds or shorten --window."
            )
    weights = np.ones(len(windows), dtype=np.float32)
    return Fold(number=number, train=train, validation=validation, test=test, weights=weights)


def purge(windows: Windows, rows: Rows, *, tested: Rows, embargo: np.timedelta64 = _NO_TIME) -> Rows:
    """The rows whose label is known before the first decision among `tested`, by the embargo and more."""
    if not len(tested):
        return rows[:0]
    return np.asarray(rows[windows.exit_at[rows] + embargo < windows.decided_at[tested[0]]])


def time_span(text: str) -> np.timedelta64:
    """ "5d", "2h", "30min" or "10s" as nanoseconds.

    Raises:
        ConfigError: something else.
    """
    match = re.fullmatch(r"(\d{1,6}) ?(d|h|min|s)", text.strip().lower())
    if match is None:
        raise ConfigError(f"Expected a time span such as 5d, 2h or 30min, got {text!r}.")
    return np.timedelta64(int(match[1]) * _SECONDS[match[2]] * 10**9, "ns")
