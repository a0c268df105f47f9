"""Updates: what is asked for again, what changed, and when everything is fetched anew."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from pipelines.cleaning.report import CleaningReport
from pipelines.ingestion import update
from pipelines.market.types import Actions, Bars
from pipelines.sources.base import Delivery
from pipelines.store.store import Store
from tests.helpers.market_examples import actions, daily_bars


class Source:
    """Gives the bars from the day that is asked for, and remembers what was asked."""

    def __init__(self, bars: Bars, every: Actions | None = None) -> None:
        self.bars, self.actions = bars, every or Actions.none(bars.symbol)
        self.starts: list[date | None] = []

    def read(self, start: date | None) -> Delivery:
        self.starts.append(start)
        first = np.datetime64(start or "1900-01-01", "ns")
        bars = self.bars.rows(self.bars.closed_at >= first)
        return Delivery(
            prices=bars,
            actions=self.actions.rows(self.actions.ex_at >= first),
            report=CleaningReport.all_kept(len(bars)),
            actions_since=first,
            actions_until=np.datetime64("2030-01-01", "ns"),
        )


def run(store: Store, source: Source, start: date | None = None) -> str:
    return update(store, "XYZ", interval="1d", start=start, read=source.read).report.summary()


def bars(count: int) -> Bars:
    return daily_bars([100.0 + row for row in range(count)])


def test_only_the_last_ten_sessions_are_asked_for_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = Source(bars(30))
    run(store, first)
    later = Source(bars(35))
    assert run(store, later) == "15 of 15 rows kept"
    assert first.starts == [None]
    assert later.starts == [date(2024, 1, 31)]  # the 21st of 30 sessions from 2024-01-02
    assert len(store.read_bars("XYZ")) == 35


def test_nothing_new_makes_no_new_version(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run(store, Source(bars(30)))
    before = store.version()
    run(store, Source(bars(30)))
    assert store.version() == before


def test_a_corrected_bar_is_told_and_the_old_one_stays_readable(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run(store, Source(bars(30)))
    before = store.version()
    close = bars(30).close.copy()
    close[-2] *= 1.02
    report = run(store, Source(replace(bars(30), close=close)))
    assert "changed at the source: 2024-02-12 by +2.00%" in report
    assert f"--undo {before}" in report
    assert store.read_bars("XYZ").close[-2] == close[-2]
    assert store.bars_at(before, "XYZ").close[-2] == bars(30).close[-2]


def test_a_new_split_or_dividend_brings_the_whole_history_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run(store, Source(bars(30)))
    source = Source(bars(31), actions(bars(31), {30: (0.0, 2.0)}))
    report = run(store, source)
    assert "1 new dividends or splits (2024-02-14): the whole history was fetched again" in report
    assert source.starts == [date(2024, 1, 31), date(2024, 1, 2)]
    assert store.read_actions("XYZ").split.tolist() == [2.0]
    again = Source(source.bars, source.actions)
    run(store, again)
    assert len(again.starts) == 1


def test_a_recent_gap_is_asked_for_again_and_what_stays_missing_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path)
    holes = np.delete(np.arange(30), [5, 12])
    report = run(store, Source(bars(30).rows(holes)))
    source = Source(bars(30).rows(np.delete(np.arange(30), [12])))
    report = run(store, source)
    assert source.starts == [date(2024, 1, 9)]
    assert "1 session without a bar, the last 2024-01-19" in report


def test_an_earlier_start_is_fetched(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run(store, Source(bars(30).rows(slice(10, 30))))
    source = Source(bars(30))
    run(store, source, start=date(2024, 1, 2))
    assert source.starts == [date(2024, 1, 2)]
    assert len(store.read_bars("XYZ")) == 30
