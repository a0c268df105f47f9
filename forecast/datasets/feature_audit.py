"""Look-ahead audit of the features: the value at bar t, computed again on the history that ends at t.

A value that needed a later bar cannot come out the same. The cuts are dense where leaks hide: the first rows, every
weekday and hour, the ends of months, quarters and years, large moves, volume spikes, gaps, turning points, the rows at
which the feature itself is unusual; and at random, so that what is missed can be bounded. A person's own features are
computed in a fresh process, the shortest history first (pipelines.preprocessing.isolated_features).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.datasets.audit_cuts import telling_rows, unusual_rows
from forecast.datasets.dataset import Dataset
from pipelines.errors import ConfigError
from pipelines.market.times import iso
from pipelines.market.types import Bars, Floats, Times
from pipelines.preprocessing import cross_section, features, isolated_features
from pipelines.preprocessing.covariates import join
from pipelines.preprocessing.custom_features import is_user_feature
from pipelines.preprocessing.isolated_features import Recomputation
from pipelines.preprocessing.windows import Rows

NONE: Mapping[str, Bars] = MappingProxyType({})

RANDOM_CUTS = 150
_WORK = 3_000_000  # bars computed again in all for each feature, from which on there are fewer cuts
_FEWEST_RANDOM = 60
_ROUNDING = 1e-9  # standard deviations: below it a float32 network cannot see a difference, whatever it means
_MOST_ROUNDING = 1e-4
_FLOAT32 = float(np.finfo(np.float32).eps)
_SHORT = 250  # bars below which a feature may decline to answer
_TOO_GOOD = 0.4  # rank correlation with the return of the next bar on daily bars
_WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


@dataclass(frozen=True, kw_only=True)
class FeatureAudit:
    """What recomputing the features showed.

    cuts: truncated histories of the feature that had fewest. random: those of them drawn at random. compared: values
    compared. failures: features that look ahead, a line for each. unverifiable: what cannot be checked.
    """

    cuts: int
    random: int
    compared: int
    failures: tuple[str, ...]
    unverifiable: tuple[str, ...]


def detectable_share(random_cuts: int, *, probability: float = 0.95) -> float:
    """The share of rows that a leak must touch to be detected with this probability by cuts at random.

    A leak that touches a share s of the rows is missed by all of n cuts with probability (1 - s)^n.
    """
    return float(1.0 - (1.0 - probability) ** (1.0 / random_cuts)) if random_cuts else 1.0


def audit(
    dataset: Dataset,
    *,
    names: Sequence[str],
    rng: np.random.Generator,
    events: Times | None = None,
    covariates: Mapping[str, Bars] = NONE,
) -> FeatureAudit:
    """Recomputes every feature of a dataset on histories that end early.

    Parameters
    ----------
    dataset
        Bars and windows; the scalers say how large a difference is.
    names
        The features, one a column of the windows; those across symbols are for forecast.datasets.panel_audit.
    rng
        Draws the cuts.
    events
        Moments of dividends and splits, at which cuts are made too.
    covariates
        The bars of the symbols whose features are joined.

    Raises
    ------
    ConfigError
        A person's own feature that fails, takes too long, or gives other values for the same history.
    """
    bars, first = dataset.bars, max(0, int(dataset.windows.ends[0]) - dataset.windows.steps + 1)
    number = int(np.clip(_WORK // max(len(bars), 1) - 150, _FEWEST_RANDOM, RANDOM_CUTS))
    random_rows = np.sort(rng.choice(np.arange(first, len(bars)), size=min(number, len(bars) - first), replace=False))
    common = np.union1d(random_rows, telling_rows(bars, first=first, rng=rng, events=events))
    places = {name: place for place, name in enumerate(names) if cross_section.parse(name) is None}
    column = {name: dataset.windows.values[:, place].astype(np.float64) for name, place in places.items()}
    is_own = {name: is_user_feature(name) and name not in bars.joined for name in places}
    cuts = {
        name: np.union1d(common, unusual_rows(values, number=12 if is_own[name] else 3, first=first, rng=rng))
        for name, values in column.items()
    }
    user_rows = {name: rows for name, rows in cuts.items() if is_own[name]}
    recomputed = isolated_features.recompute(bars, user_rows) if user_rows else {}
    builtin = [name for name in places if name not in user_rows]
    recomputed |= _recompute_builtin(bars, names=builtin, cuts=cuts, covariates=covariates) if builtin else {}
    failures: list[str] = []
    unverifiable: list[str] = []
    for name, place in places.items():
        scale = feature_scale(dataset, place)
        failures += _failures(name, recomputed[name], column[name], bars, scale=scale)
        unverifiable += [f"feature {name} {entry}" for entry in recomputed[name].access]
        unverifiable += _limits(name, recomputed[name], column[name], dataset)
    return FeatureAudit(
        cuts=min((len(recomputation.rows) for recomputation in recomputed.values()), default=0),
        random=min(
            (int(np.isin(random_rows, recomputation.rows).sum()) for recomputation in recomputed.values()), default=0
        ),
        compared=sum(len(recomputation.rows) for recomputation in recomputed.values()),
        failures=tuple(failures),
        unverifiable=tuple(unverifiable),
    )


def feature_scale(dataset: Dataset, column: int) -> float:
    """The smallest unit that a fold divides this feature by: what a difference means to a network."""
    scales = [float(scaler.scale[column]) for scaler in dataset.scalers if len(scaler.scale)]
    return min(scales, default=1.0)


def rounding(
    values: NDArray[np.floating], *, scale: float, precision: float = float(np.finfo(np.float64).eps)
) -> float:
    """How far the last digits of a feature may differ between histories of different length.

    Sums in another order differ by a few units in the last place of the largest number in them. It is decided after
    standardisation: a leak written into the last digits of a column is standardised to its full size.
    """
    largest = float(np.max(np.abs(values[np.isfinite(values)]), initial=0.0))
    return scale * min(_MOST_ROUNDING, max(_ROUNDING, 64.0 * precision * largest / scale))


def _recompute_builtin(
    bars: Bars, *, names: Sequence[str], cuts: Mapping[str, Rows], covariates: Mapping[str, Bars]
) -> dict[str, Recomputation]:
    """The project's own features, which keep nothing: in this process."""
    rows = np.unique(np.concatenate([cuts[name] for name in names]))

    def history(row: int) -> Bars:
        shorter = bars.rows(slice(0, row + 1))
        if not covariates:
            return shorter
        cutoff, joined = bars.closed_at[row], dict(shorter.joined)
        for symbol, covariate in covariates.items():
            columns = [name.removeprefix(f"{symbol}:") for name in joined if name.startswith(f"{symbol}:")]
            joined |= join(shorter, covariate.rows(covariate.closed_at <= cutoff), names=columns)
        return replace(shorter, joined=joined)

    matrix = np.stack([features.compute(history(int(row)), names=names)[-1] for row in rows])
    full_history = features.compute(bars, names=names)
    return {
        name: Recomputation(
            rows=rows,
            values=matrix[:, column],
            errors={},
            whole=full_history[:, column],
            precision=0.0,
            repeatable=True,
            access=(),
        )
        for column, name in enumerate(names)
    }


def _failures(name: str, recomputation: Recomputation, trained: Floats, bars: Bars, *, scale: float) -> Iterator[str]:
    """One line where the feature looks ahead."""
    if not recomputation.repeatable:
        raise ConfigError(
            f"Feature {name}: expected the same values for the same bars, got others the second time. Let it depend on "
            "bars alone; where it needs random numbers, make them by np.random.default_rng(0) inside the function."
        )
    declined = _declined(recomputation)
    rows = recomputation.rows[declined:]
    failing = [row for row in rows if row in recomputation.errors and not np.isnan(recomputation.whole[row])]
    if failing or declined == len(recomputation.rows):
        row = failing[0] if failing else int(recomputation.rows[0])
        yield (
            f"feature {name} looks ahead: it cannot be computed at {iso(bars.closed_at[row])} from the bars up to "
            f"then, but has a value there once later bars are in ({recomputation.errors[row]})"
        )
        return
    tolerance = rounding(recomputation.whole, scale=scale, precision=recomputation.precision)
    before, after = recomputation.values[declined:], recomputation.whole[rows]
    differs = (np.isnan(before) != np.isnan(after)) | (np.abs(before - after) > tolerance)
    if differs.any():
        differing = rows[differs]
        yield (
            f"feature {name} at {iso(bars.closed_at[differing[0]])} changes when the bars after it are cut off "
            f"({len(differing)} of {len(rows)} recomputations differ{_common_days(bars, differing)})"
            f"{_too_short(differing, rows[~differs])}"
        )
        return
    small = np.flatnonzero(np.nan_to_num(before - after))
    if len(small) >= 10 and _follows_the_future((before - after)[small], rows[small], bars):
        yield f"feature {name} carries later bars in its last digits ({len(small)} of {len(rows)} differ)"
        return
    as_trained = recomputation.whole.astype(np.float32).astype(np.float64)
    if np.any(
        (np.isnan(as_trained) != np.isnan(trained))
        | (np.abs(as_trained - trained) > tolerance + _FLOAT32 * np.abs(trained))
    ):
        row = int(np.argmax(np.nan_to_num(np.abs(as_trained - trained), nan=np.inf)))
        yield (
            f"feature {name} at {iso(bars.closed_at[row])} has another value in a fresh process that saw the shorter "
            "histories first: it remembers what it was computed on before"
        )


def _declined(recomputation: Recomputation) -> int:
    """How many of the shortest histories the feature could not be computed on, where they are of the first year."""
    count = 0
    while count < len(recomputation.rows) and int(recomputation.rows[count]) in recomputation.errors:
        count += 1
    if count and recomputation.rows[count - 1] >= max(_SHORT, len(recomputation.whole) // 20):
        return 0
    return count


def _limits(name: str, recomputation: Recomputation, trained: Floats, dataset: Dataset) -> Iterator[str]:
    """What the audit could not do for this feature."""
    declined = _declined(recomputation)
    used = [row for row in recomputation.rows[:declined] if not np.isnan(recomputation.whole[row])]
    if used:
        length = int(recomputation.rows[declined - 1]) + 1
        yield f"feature {name} fails on histories of {length} bars or fewer, so its first {length} values are unchecked"
    if len(recomputation.rows) < _FEWEST_RANDOM < len(recomputation.whole) // 4:
        yield f"feature {name} is slow: it was computed again on {len(recomputation.rows)} histories only"
    windows = dataset.windows
    if dataset.bars.interval != "1d" or len(windows) < 200:
        return
    values = trained[windows.ends]
    if values.std() > 0.0:
        correlation = np.corrcoef(_ranks(values), _ranks(windows.forward_return))[0, 1]
        if abs(correlation) > _TOO_GOOD:
            yield (
                f"feature {name} has a rank correlation of {correlation:.2f} with the return that comes after it, more "
                "than anything known at the time has: look at where its numbers come from"
            )


def _ranks(values: Floats) -> Floats:
    return np.asarray(pd.Series(values).rank(), dtype=np.float64)


def _follows_the_future(differences: Floats, rows: Rows, bars: Bars) -> bool:
    """Whether differences as small as rounding go along with what came after, which rounding does not."""
    change = np.append(np.diff(np.log(bars.close)), 0.0)
    volume = np.append(np.diff(np.log1p(bars.volume)), 0.0)
    five = np.log(bars.close[np.minimum(np.arange(len(bars)) + 5, len(bars) - 1)] / bars.close)
    ranked = _ranks(differences)
    if ranked.std() == 0.0:
        return False
    for later in (change, np.abs(change), five, volume, bars.close[-1] - bars.close):
        later_ranks = _ranks(later[rows])
        if later_ranks.std() > 0.0 and abs(np.corrcoef(ranked, later_ranks)[0, 1]) > 0.8:
            return True
    return False


def _too_short(differing: Rows, right: Rows) -> str:
    """A hint where only the first bars differ: a number that stands for a history that is too short is a wrong one."""
    last = int(differing[-1])
    if len(right) and right[-1] > last and last < _SHORT and len(differing) > 3 * np.count_nonzero(right < last):
        return f"; all are among its first {last + 1} bars: where a history is too short for it, return NaN"
    return ""


def _common_days(bars: Bars, rows: Rows) -> str:
    """Which weekday they all are, or that they all end a month, where it is so."""
    closed = pd.DatetimeIndex(bars.closed_at)
    if len(rows) < 4:
        return ""
    weekdays = np.unique(closed.weekday[rows])
    if len(weekdays) == 1:
        return f", all on {_WEEKDAYS[int(weekdays[0])]}"
    ends = np.append(np.diff(closed.month) != 0, True)
    return ", all at the end of a month" if ends[rows].all() else ""
