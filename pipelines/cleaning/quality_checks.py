"""Looking for what is wrong with bars in the store: each finding with its date, its size and what could be done.

A price that is wrong by a power of ten, or by one of the symbol's own splits, jumps by that factor and (for a bad
print) back again; a real crash does neither, so it is shown as suspicious and never repaired.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pipelines.cleaning import volume_units
from pipelines.cleaning.price_scale_errors import far_cells, wrong_by
from pipelines.errors import counted
from pipelines.market import calendars
from pipelines.market.adjustments import split_after
from pipelines.market.types import Actions, Bars, Floats, Times

_STALE = 6
_SUSPICIOUS = 0.35  # log return; AAPL 2000-09-29 was -0.73
_DIVIDEND_YIELD = 0.1


@dataclass(frozen=True, kw_only=True)
class Finding:
    """kind: what sort of trouble. session: the date. size: how large, in the kind's own unit, in words. repair: what
    `--repair` would do, empty where a person has to judge."""

    kind: str
    session: str
    size: str
    repair: str = ""


def check(bars: Bars, actions: Actions) -> list[Finding]:
    """All findings on raw bars, by date."""
    sessions = calendars.session_of(bars.closed_at, bars.calendar).astype(str).tolist()
    findings = [
        *_wrong_prices(bars, actions, sessions),
        *_wrong_dividends(bars, actions),
        *_gaps(bars),
        *_stale(bars, sessions),
        *_without_volume(bars, sessions),
        *_suspicious(bars, actions, sessions),
        *_far_prices(bars, actions, sessions),
        *_volume_units(bars, actions, sessions),
    ]
    return sorted(findings, key=lambda finding: (finding.session, finding.kind))


def repaired(bars: Bars, actions: Actions) -> tuple[Bars, Actions]:
    """Bars and actions with every repair that check() suggests; raw prices stay raw."""
    factor = wrong_by(bars, actions)
    prices = {name: getattr(bars, name) / factor[row] for row, name in enumerate(("open", "high", "low", "close"))}
    all_prices = np.all(factor == factor[0], axis=0)
    split = all_prices & (np.abs(np.log10(factor[3]) % 1) > 1e-9)  # by a split: volume is wrong the other way round
    volume = np.where(split, bars.volume * factor[3], bars.volume)
    stacked = np.stack(list(prices.values()))
    prices["high"], prices["low"] = stacked.max(axis=0), stacked.min(axis=0)
    dividend = actions.dividend / wrong_dividends(bars, actions)
    return replace(bars, volume=volume, **prices), replace(actions, dividend=dividend)


def wrong_dividends(bars: Bars, actions: Actions) -> Floats:
    """By what each dividend is too large: 100 (paid in pence, priced in pounds) or 1, shape (actions,)."""
    factor = np.ones(len(actions))
    rows = np.searchsorted(bars.closed_at, actions.ex_at, side="right")
    for number, (row, dividend) in enumerate(zip(rows, actions.dividend, strict=True)):
        if not 0 < row < len(bars) or dividend == 0:
            continue
        before = bars.close[row - 1] / actions.split[number]
        fell = before - bars.open[row]
        share = dividend / before
        median = _median_paid(np.delete(actions.dividend, number))
        if share > _DIVIDEND_YIELD and fell < 0.2 * dividend:
            factor[number] = 100.0
        elif median and share < 2e-4 and 30 < median / dividend < 300:
            factor[number] = 0.01
    return factor


def _median_paid(dividends: Floats) -> float:
    paid = dividends[dividends > 0]
    return float(np.median(paid)) if len(paid) else 0.0


def _wrong_prices(bars: Bars, actions: Actions, sessions: list[str]) -> Iterator[Finding]:
    factor = wrong_by(bars, actions)
    for row in np.flatnonzero(np.any(factor != 1, axis=0)):
        columns = [name for name, by in zip(("open", "high", "low", "close"), factor[:, row], strict=True) if by != 1]
        by = float(factor[factor[:, row] != 1, row][0])
        what = "prices" if len(columns) == 4 else ", ".join(columns)
        yield Finding(kind="bad print", session=sessions[row], size=f"{what} x{by:.4g}", repair=f"divide by {by:.4g}")


def _wrong_dividends(bars: Bars, actions: Actions) -> Iterator[Finding]:
    for by, ex_at, dividend in zip(wrong_dividends(bars, actions), actions.ex_at, actions.dividend, strict=True):
        if by != 1:
            after: Times = np.array([ex_at.astype(np.int64) + 1]).view("datetime64[ns]")
            session = str(calendars.session_of(after, bars.calendar)[0])
            yield Finding(kind="bad dividend", session=session, size=f"{dividend:g}", repair=f"divide by {by:g}")


def _gaps(bars: Bars) -> Iterator[Finding]:
    """Sessions without a bar, runs of them in one finding."""
    if not len(bars):
        return
    have = np.unique(calendars.session_of(bars.closed_at, bars.calendar))
    every = calendars.sessions_between(have[0], have[-1], bars.calendar)
    missing = np.flatnonzero(~np.isin(every, have))
    for run in np.split(missing, np.flatnonzero(np.diff(missing) > 1) + 1):
        if len(run):
            yield Finding(
                kind="gap", session=str(every[run[0]]), size=f"{counted(len(run), 'session')} to {every[run[-1]]}"
            )


def missing_sessions(bars: Bars) -> calendars.Dates:
    """The sessions between the first and the last bar that have none."""
    have = np.unique(calendars.session_of(bars.closed_at, bars.calendar))
    every = calendars.sessions_between(have[0], have[-1], bars.calendar)
    return every[~np.isin(every, have)]


def _stale(bars: Bars, sessions: list[str]) -> Iterator[Finding]:
    """The same four prices again and again."""
    repeats = np.ones(max(len(bars) - 1, 0), np.bool_)
    for name in ("open", "high", "low", "close"):
        repeats &= np.diff(getattr(bars, name)) == 0
    ends = np.flatnonzero(np.diff(np.concatenate([[False], repeats, [False]]).astype(np.int8)))
    for first, last in zip(ends[::2], ends[1::2], strict=True):
        if last - first + 1 >= _STALE:
            yield Finding(kind="stale", session=sessions[first], size=f"{last - first + 1} bars the same")


def _without_volume(bars: Bars, sessions: list[str]) -> Iterator[Finding]:
    silent = np.flatnonzero(bars.volume == 0)
    if 0 < len(silent) < len(bars) / 2:  # an index or a currency has none at all
        for run in np.split(silent, np.flatnonzero(np.diff(silent) > 1) + 1):
            yield Finding(kind="no volume", session=sessions[run[0]], size=counted(len(run), "bar"))


def _suspicious(bars: Bars, actions: Actions, sessions: list[str]) -> Iterator[Finding]:
    """Large changes from one close to the next that no action explains and that are no bad print."""
    close = bars.close / split_after(bars.opened_at, actions)
    misscaled = np.any(wrong_by(bars, actions) != 1, axis=0)
    change = np.diff(np.log(close))
    for row in np.flatnonzero(np.abs(change) > _SUSPICIOUS) + 1:
        if not (misscaled[row] or misscaled[row - 1]):
            size = f"{np.expm1(change[row - 1]):+.1%} from one close to the next"
            yield Finding(kind="suspicious", session=sessions[row], size=size)


def _far_prices(bars: Bars, actions: Actions, sessions: list[str]) -> Iterator[Finding]:
    """An open, high, low or close far from those around it and no exact power of ten off: a person has to judge."""
    far = far_cells(bars, actions)
    for row in np.flatnonzero(np.any(far != 1, axis=0)):
        for name, by in zip(("open", "high", "low", "close"), far[:, row], strict=True):
            if by != 1:
                yield Finding(kind="suspicious", session=sessions[row], size=f"{name} x{by:.4g} the closes around it")


def _volume_units(bars: Bars, actions: Actions, sessions: list[str]) -> Iterator[Finding]:
    for change in volume_units.changes(bars, actions):
        size = f"x{change.factor:.3g} from one month to the next, and stays"
        yield Finding(kind="volume unit", session=sessions[change.row], size=size)
