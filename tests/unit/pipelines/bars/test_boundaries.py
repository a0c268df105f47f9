"""Bars of every kind against plain loops over the trades that share no code with them."""

import itertools
from math import ceil, sqrt

import numpy as np
import pytest

from pipelines.bars.aggregation import Stream, from_ticks
from pipelines.market import calendars
from pipelines.market.types import Bars, Ticks

PAUSE = np.timedelta64(30, "m")
COUNTED = (
    *("tick:1", "tick:2", "tick:5", "volume:1", "volume:4", "volume:30", "dollar:0.5", "dollar:33.25"),
    *("imbalance:1", "imbalance:3", "imbalance:10", "runs:1", "runs:2", "runs:3", "runs:7"),
)


def random_ticks(seed: int) -> Ticks:
    """Trades in eighths, so that every sum is exact; some of no size, some without a change, some after a pause."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 120))
    gaps = rng.choice([0, 1, 60_000, 1_799_999, 1_800_000, 7_200_000], count, p=[0.3, 0.3, 0.3, 0.03, 0.03, 0.04])
    time = np.datetime64("2024-01-02T14:30", "ns") + np.cumsum(gaps) * np.timedelta64(1_000_000, "ns")
    price = 10 + np.cumsum(rng.choice([-1, 0, 0, 1], count)) / 8
    size = rng.integers(0, 12, count) / 8
    return Ticks(symbol="X", time=time, price=np.maximum(price, 0.125), size=size, calendar="XNYS")


def counted_bars(ticks: Ticks, name: str, size: float) -> list[tuple[list[int], np.datetime64]]:
    """The rows of each finished bar and when it closed."""
    bars, rows, sums = [], [], dict.fromkeys(("tick", "volume", "dollar", "imbalance", "buys", "sells"), 0.0)
    expected = {"imbalance": sqrt(size), "runs": max(1.0, size / 2)}.get(name, size)
    for row, side in enumerate(sides(ticks.price)):
        if rows and ticks.time[row] - ticks.time[row - 1] >= PAUSE:
            bars.append((rows, ticks.time[row - 1] + PAUSE))
            rows, sums = [], dict.fromkeys(sums, 0.0)
        rows.append(row)
        traded = ticks.size[row]
        steps = {"tick": 1, "volume": traded, "dollar": traded * ticks.price[row], "imbalance": side,
                 "buys": side > 0, "sells": side < 0}  # fmt: skip
        sums = {key: value + steps[key] for key, value in sums.items()}
        reached = max(sums["buys"], sums["sells"]) if name == "runs" else abs(sums[name])
        learned = name in ("imbalance", "runs")
        if reached >= (ceil(expected) if learned else expected):
            bars.append((rows, ticks.time[row]))
            if learned:
                expected = max(1.0, expected * (size / len(rows)) ** 0.05)
            rows, sums = [], dict.fromkeys(sums, 0.0)
    return bars


def sides(price: np.ndarray) -> list[int]:
    """The tick rule: 1 after a rise, -1 after a fall, what the trade before had where nothing changed."""
    side, every = 0, []
    for before, now in itertools.pairwise([price[0], *price]):
        side = int(np.sign(now - before)) or side
        every.append(side)
    return every


def check(bars: Bars, ticks: Ticks, expected: list[tuple[list[int], np.datetime64]]) -> None:
    price, size, side = ticks.price, ticks.size, np.array(sides(ticks.price))
    assert len(bars) == len(expected)
    for place, (rows, closed_at) in enumerate(expected):
        assert bars.closed_at[place] == closed_at
        volume, middle = size[rows].sum(), (price[rows].max() + price[rows].min()) / 2
        assert bars.vwap[place] == ((price * size)[rows].sum() / volume if volume else middle)
        values = [getattr(bars, name)[place] for name in ("open", "high", "low", "close", "volume", "trades")]
        assert values == [price[rows[0]], price[rows].max(), price[rows].min(), price[rows[-1]], volume, len(rows)]
        assert bars.signed_volume[place] == (size * side)[rows].sum()


@pytest.mark.parametrize("kind", COUNTED)
def test_bars_that_end_with_a_trade_are_those_of_a_plain_loop(kind: str) -> None:
    name, size = kind.split(":")
    for seed in range(25):
        ticks = random_ticks(seed)
        expected = counted_bars(ticks, name, float(size))
        bars = from_ticks(ticks, kind)
        check(bars, ticks, expected)
        assert bars.opened_at.tolist() == ticks.time[[rows[0] for rows, _ in expected]].tolist()


@pytest.mark.parametrize("kind", [*COUNTED, "time:7m"])
def test_no_trade_makes_no_bar(kind: str) -> None:
    assert len(from_ticks(random_ticks(0).rows(slice(0, 0)), kind)) == 0


def test_bars_of_time_go_on_after_a_month_without_a_trade() -> None:
    hours = np.array([0, 40 * 24, 40 * 24 + 1, 80 * 24])
    ticks = Ticks(
        symbol="X", time=np.datetime64("2024-01-02", "ns") + hours * np.timedelta64(1, "h"),
        price=np.arange(1.0, 5), size=np.ones(4),
    )  # fmt: skip
    bars = from_ticks(ticks, "time:1h")
    assert bars.close.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(bars.opened_at, ticks.time[:3])


def test_bars_of_amounts_far_below_1_hold_what_they_should() -> None:
    time = np.datetime64("2024-01-02T14:30", "ns") + np.arange(5)
    ticks = Ticks(symbol="X", time=time, price=np.full(5, 2.0), size=np.full(5, 2e-17))
    for kind in ("volume:0.00000000000000004", "dollar:0.00000000000000008"):
        bars = from_ticks(ticks, kind)
        assert bars.trades is not None
        assert bars.trades.tolist() == [2, 2]


@pytest.mark.parametrize("kind", [*COUNTED, "time:7m"])
def test_trade_by_trade_the_bars_are_the_same(kind: str) -> None:
    for seed in range(3):
        ticks = random_ticks(seed)
        stream, at_once = Stream(kind), from_ticks(ticks, kind)
        parts = [stream.add(ticks.rows(slice(row, row + 1))) for row in range(len(ticks))]
        for name in ("opened_at", "closed_at", "open", "high", "low", "close", "volume", "vwap", "signed_volume"):
            np.testing.assert_array_equal(
                np.concatenate([getattr(part, name) for part in parts]), getattr(at_once, name)
            )


def interval_of(time: int, opens: np.ndarray, closes: np.ndarray, length: int) -> tuple[int, int]:
    """Start and end of a trade's interval: from the open of its session on, outside of it from the next open back."""
    session = int(np.searchsorted(closes, time))  # the first that closes then or later
    session += opens[session + 1] == time  # where one session follows the other at once
    opened, closed, before = int(opens[session]), int(closes[session]), int(closes[session - 1])
    if time >= opened:
        inside = min(time, closed - 1)  # the trade at the very close belongs to the last interval
        start = opened + (inside - opened) // length * length
        return start, min(start + length, closed)
    ahead = ceil((opened - time) / length)
    return max(opened - ahead * length, before), opened - (ahead - 1) * length


def session_ticks(seed: int, calendar: str, length: int) -> tuple[Ticks, np.ndarray, np.ndarray]:
    """Trades of a week with a short day and a holiday, many of them at an edge or a nanosecond beside it."""
    rng = np.random.default_rng(seed)
    sessions = calendars.sessions_between("2024-06-20", "2024-07-20", calendar)
    opens, closes = (times.view(np.int64) for times in calendars.daily_times(sessions, calendar))
    week = np.flatnonzero(np.isin(sessions, np.arange("2024-07-02", "2024-07-09", dtype="datetime64[D]")))
    edges = np.concatenate(
        [opens[week], closes[week], opens[week] - length, opens[week] + length, opens[week] - 3 * length]
    )
    near = np.concatenate([edges + step for step in (-1, 0, 1)])
    anywhere = rng.integers(opens[week[0]], closes[week[-1]], 60)
    time = np.sort(np.concatenate([rng.choice(near, 40), anywhere]))
    first, last = closes[week[0]], closes[week[-2]]
    time = np.concatenate([[first], time[(time >= first) & (time <= last)], [last]][seed % 2 : 3 - seed // 2 % 2])
    price = 10 + np.cumsum(rng.choice([-1, 0, 1], len(time))) / 8
    size = rng.integers(0, 9, len(time)) / 8
    return Ticks(symbol="X", time=time.view("datetime64[ns]"), price=price, size=size, calendar=calendar), opens, closes


@pytest.mark.parametrize("kind", ["time:1h", "time:7m", "time:90s", "time:20h"])
@pytest.mark.parametrize("calendar", ["XNYS", "24/7"])
def test_bars_of_time_are_those_of_each_trades_own_interval(kind: str, calendar: str) -> None:
    length = {"time:1h": 3_600, "time:7m": 420, "time:90s": 90, "time:20h": 72_000}[kind] * 1_000_000_000
    for seed in range(8):
        ticks, opens, closes = session_ticks(seed, calendar, length)
        intervals: dict[tuple[int, int], list[int]] = {}
        for row, time in enumerate(ticks.time.view(np.int64).tolist()):
            intervals.setdefault(interval_of(time, opens, closes, length), []).append(row)
        finished = list(intervals.items())[:-1]
        bars = from_ticks(ticks, kind)
        check(bars, ticks, [(rows, np.datetime64(end, "ns")) for (_, end), rows in finished])
        assert bars.opened_at.view(np.int64).tolist() == [start for (start, _), _ in finished]
