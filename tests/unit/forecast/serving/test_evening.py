"""Whatever goes wrong with one live run, the others are asked, and the reason is kept."""

import numpy as np
import pytest

from forecast.serving.evening import Answer, LiveForecast, ask_all
from forecast.serving.journal import GivenSignal, Journal, JournalEntry
from forecast.serving.live import LiveRun
from pipelines.errors import RunError
from pipelines.market.types import Actions


def test_a_defect_in_one_run_is_a_reason_like_any_other(tmp_path) -> None:
    runs = [
        LiveRun(run=f"{name}-1d-x", symbol=name, model="lstm", backtest="b", rules={}, added_at="") for name in "ABC"
    ]
    asked = []

    def ask(each):
        asked.append(each.symbol)
        raise {"A": IndexError("out of range"), "B": RunError("It is gone."), "C": MemoryError("8 GB")}[each.symbol]

    found = ask_all(runs, ask=ask, journal=Journal(tmp_path), now=np.datetime64("2024-01-02T22:00", "ns"))
    assert asked == ["A", "B", "C"]
    assert [(each.symbol, each.reason.split(".")[0]) for each in found.failures] == [
        ("A", "IndexError: out of range"), ("B", "It is gone"),
        ("C", "Expected more memory than there is (8 GB)")
    ]  # fmt: skip
    assert found.answers == ()
    assert Journal(tmp_path).read().entries == ()


def signal_of(day: int, position: float, price: float) -> JournalEntry:
    given = GivenSignal(model="lstm", signal="buy", probability=0.51, position=position)
    return JournalEntry(
        recorded_at="", run="A-1d-x", symbol="A", model="lstm", backtest="b", rules={},
        decided_at=f"2024-01-0{day}T21:00:00Z", price=price, signals=(given,),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "split", "before", "after"),
    [
        ([(1.0, 10.0)], None, 0, 50),  # 500 of money
        ([(1.0, 10.0), (1.0, 20.0)], None, 50, 50),  # dearer, and kept
        ([(1.0, 10.0), (1.0, 20.0), (0.0, 25.0)], None, 50, 0),  # all of them are sold
        ([(1.0, 10.0), (-0.5, 30.0)], None, 50, -8),
        ([(0.0, 10.0), (1.0, 9.0)], None, 0, 55),
        ([(1.0, 10.0), (1.0, 11.0), (1.0, 6.0), (0.0, 6.5)], 2.0, 100, 0),  # two for one on the third day
        ([(1.0, 10.0), (1.0, 10.0), (1.0, 15.0)], 1.5, 75, 75),
        ([(1.0, 10.0), (1.0, 10.0), (1.0, 5.0)], 0.3, 15, 15),
        ([(1.0, 5.0), (1.0, 5.0), (1.0, 50.0)], 0.1, 10, 10),
        ([(1.0, 500.0 / 300), (1.0, 1.6), (0.0, 5.0)], 0.333333, 100, 0),  # one for three, as Yahoo writes it
    ],
)
def test_orders_add_up_to_the_shares_that_are_held(given, split: float | None, before: int, after: int) -> None:
    entries = [signal_of(day, *values) for day, values in enumerate(given, start=1)]
    actions = None
    if split is not None:
        third_day = np.array(["2024-01-03T14:30"], "datetime64[ns]")
        actions = Actions(symbol="A", ex_at=third_day, dividend=np.zeros(1), split=np.array([split]))
    answer = Answer(
        live=LiveRun(run="A-1d-x", symbol="A", model="lstm", backtest="b", rules={}, added_at=""),
        live_forecast=LiveForecast(loaded=None, forecast=None, prices=None, actions=actions),  # type: ignore[arg-type]
        entry=entries[-1], earlier=(), followed=tuple(entries[:-1]), passed_on=False, verdict={},
    )  # fmt: skip
    assert answer.shares(500.0) == (before, after)
