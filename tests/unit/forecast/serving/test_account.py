"""Orders lead from the shares that are held to those that are wanted, whatever happens between two evenings."""

import itertools
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.serving.account import Target, next_orders, shares_held
from forecast.serving.evening import iso
from forecast.serving.journal import Journal
from pipelines.market.types import Actions

SESSIONS = np.array([f"2024-01-{day:02}" for day in (9, 10, 11, 12, 16, 17, 18, 19, 22, 23)], "datetime64[D]")
"""Of New York; the 15th is a holiday."""
OPEN, CLOSE, EVENING = (np.timedelta64(minutes, "m") for minutes in (14 * 60 + 30, 21 * 60, 22 * 60))


def at(day: int, time: np.timedelta64 = EVENING) -> np.datetime64:
    return (SESSIONS[day] + time).astype("datetime64[ns]")


def splits(symbol: str, of_day: dict[int, float]) -> Actions:
    ex_at = np.array([at(day, OPEN) for day in sorted(of_day)], "datetime64[ns]")
    ratios = np.array([of_day[day] for day in sorted(of_day)])
    return Actions(symbol=symbol, ex_at=ex_at, dividend=np.zeros(len(ex_at)), split=ratios)


def target(day: int, position: float, price: float, *, run: str = "A-1") -> Target:
    return Target(
        run=run, symbol=run[0], decided_at=iso(at(day, CLOSE)), calendar="XNYS", position=position, price=price
    )


def evening(journal, targets, *, day, cash, live=None, time=EVENING, actions=Actions.none):
    live = {run: run[0] for run in ({target.run for target in targets} if live is None else live)}
    orders = next_orders(journal, targets, live=live, cash=cash, actions=actions, now=at(day, time))
    earlier = set(map(id, journal))
    journal += [order for order in orders.values() if id(order) not in earlier]
    return {key: (order.before, order.shares) for key, order in orders.items()}


@pytest.mark.parametrize(
    ("days", "split", "before", "after"),
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
def test_shares_are_counted_at_a_change_and_kept_until_the_next(days, split, before, after) -> None:
    actions = Actions.none("A") if split is None else splits("A", {2: split})
    journal, orders = [], {}
    for day, (position, price) in enumerate(days):
        orders = evening(journal, [target(day, position, price)], day=day, cash=500.0, actions=lambda _: actions)
    assert orders == {("A-1", "A"): (before, after)}


def test_another_account_or_live_set_is_reached_by_orders() -> None:
    journal: list = []
    both = [target(0, 1.0, 10.0), target(0, 1.0, 10.0, run="B-1")]
    assert evening(journal, both, day=0, cash=1000.0) == {("A-1", "A"): (0, 50), ("B-1", "B"): (0, 50)}
    more = [target(1, 1.0, 20.0), target(1, 1.0, 20.0, run="B-1")]
    assert evening(journal, more, day=1, cash=3000.0) == {("A-1", "A"): (50, 75), ("B-1", "B"): (50, 75)}
    alone = [target(2, 1.0, 25.0)]  # B is live no more, and sold; A has the whole account
    assert evening(journal, alone, day=2, cash=3000.0) == {("A-1", "A"): (75, 120), ("B-1", "B"): (75, 0)}
    assert evening(journal, [target(3, 1.0, 30.0)], day=3, cash=3000.0) == {("A-1", "A"): (120, 120)}
    assert evening(journal, [], day=4, cash=3000.0) == {("A-1", "A"): (120, 0)}
    assert evening(journal, [], day=5, cash=3000.0) == {}


def test_a_later_training_takes_the_shares_over() -> None:
    journal: list = []
    evening(journal, [target(0, 1.0, 10.0)], day=0, cash=500.0)
    assert evening(journal, [target(1, 1.0, 20.0, run="A-2")], day=1, cash=500.0) == {("A-2", "A"): (50, 50)}
    assert evening(journal, [target(2, 0.0, 20.0, run="A-2")], day=2, cash=500.0) == {("A-2", "A"): (50, 0)}
    assert evening(journal, [target(3, 0.0, 20.0, run="A-2")], day=3, cash=500.0) == {("A-2", "A"): (0, 0)}


def test_asked_again_before_the_open_the_newest_orders_stand_and_after_it_they_are_filled() -> None:
    journal: list = []
    bar = [target(0, 1.0, 10.0)]
    assert evening(journal, bar, day=0, cash=500.0) == {("A-1", "A"): (0, 50)}
    assert evening(journal, bar, day=0, cash=500.0) == {("A-1", "A"): (0, 50)}
    assert len(journal) == 1
    assert evening(journal, bar, day=0, cash=5000.0) == {("A-1", "A"): (0, 500)}  # a slip of the pen
    assert evening(journal, bar, day=0, cash=500.0) == {("A-1", "A"): (0, 50)}
    assert evening(journal, bar, day=1, cash=500.0, time=OPEN) == {("A-1", "A"): (50, 50)}  # no price has come since
    assert evening(journal, bar, day=3, cash=500.0) == {("A-1", "A"): (50, 50)}


def test_an_order_of_a_run_that_is_removed_before_the_open_is_withdrawn() -> None:
    journal: list = []
    evening(journal, [target(0, 1.0, 10.0)], day=0, cash=500.0)
    assert evening(journal, [target(0, 1.0, 10.0, run="A-2")], day=0, cash=500.0) == {
        ("A-1", "A"): (0, 0), ("A-2", "A"): (0, 50)
    }  # fmt: skip
    assert evening(journal, [target(1, 1.0, 10.0, run="A-2")], day=1, cash=500.0) == {("A-2", "A"): (50, 50)}


def test_what_a_run_that_fails_may_have_taken_over_is_left_alone() -> None:
    journal: list = []
    evening(journal, [target(0, 1.0, 10.0)], day=0, cash=500.0)
    assert evening(journal, [], day=1, cash=500.0, live={"A-2"}) == {}
    assert evening(journal, [target(1, 0.0, 10.0, run="A-2")], day=1, cash=500.0) == {("A-2", "A"): (50, 0)}
    assert evening(journal, [], day=1, cash=500.0, live={"A-2"}) == {}  # the order still stands
    assert evening(journal, [target(2, 0.0, 10.0, run="A-2")], day=2, cash=500.0) == {("A-2", "A"): (0, 0)}


def test_orders_are_kept_in_the_journal_as_they_were_given(tmp_path) -> None:
    journal, orders = Journal(tmp_path), []
    evening(orders, [target(0, 1.0, 10.0)], day=0, cash=500.0)
    taken = replace(orders[0], run="A-2", before=50, taken_over=("A-1",))
    journal.order(lambda orders_before: [*orders, taken])
    with journal.path.open("a") as file:
        file.write('{"event": "order", "run": "A-2", "symbol": "A", "shares": "50"}\n')
    assert journal.read().orders == (orders[0], taken)
    assert journal.read().damaged == (3,)


@dataclass
class Broker:
    """Fills at each open what was ordered before it; orders follow splits as shares do."""

    shares: dict[str, int] = field(default_factory=dict)
    pending: dict[tuple[str, str], int] = field(default_factory=dict)

    def open(self, split: dict[str, int]) -> None:
        for (_, symbol), order in self.pending.items():
            self.shares[symbol] = self.shares.get(symbol, 0) + order
        self.pending = {}
        for symbol, ratio in split.items():
            self.shares[symbol] = self.shares.get(symbol, 0) * ratio


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "ask", "add", "remove", "retrain", "cash", "delist"]),
        st.sampled_from("ABC"),
        st.sampled_from([100.0, 1000.0, 12345.6]),
        st.sets(st.sampled_from("ABC"), max_size=1),
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, min_size=3, max_size=8), st.randoms(use_true_random=False))
def test_orders_add_up_to_the_shares_wanted_after_any_sequence(days, random) -> None:
    """Runs added, removed and trained anew, other money, evenings missed, asked twice, runs that fail, delistings and
    splits."""
    live, cash, ended, broker, number = ["A-1", "B-1"], 1000.0, {}, Broker(), itertools.count(2)
    journal: list = []
    split_of = {"A": random.randrange(1, 9), "B": random.randrange(1, 9)}
    actions = {name: splits(name, {split_of[name]: 2.0} if name in split_of else {}) for name in "ABC"}
    quotes = {}

    def ask(day: int, failing: set[str]) -> None:
        targets = []
        for run in live:
            symbol, bar = run[0], min(day, ended.get(run[0], day))
            quote = quotes.setdefault((run, bar), (random.choice([-1.0, -0.5, 0.0, 1.0]), random.uniform(5, 50)))
            if symbol not in failing:
                targets.append(target(bar, *quote, run=run))
        orders = evening(journal, targets, day=day, cash=cash, live=set(live), actions=lambda name: actions[name])
        for key, (before, after) in orders.items():
            broker.pending[key] = after - before
        if not failing:  # everything that is held is in the list
            for symbol in "ABC":
                listed = sum(after for (_, name), (_, after) in orders.items() if name == symbol)
                ordered = sum(order for (_, name), order in broker.pending.items() if name == symbol)
                assert broker.shares.get(symbol, 0) + ordered == listed

    for day, steps in enumerate(days):
        broker.open({name: 2 for name, split in split_of.items() if split == day})
        for step, symbol, money, failing in steps:
            runs = [run for run in live if run[0] == symbol]
            if step == "ask":
                ask(day, failing)
            elif step == "cash":
                cash = money
            elif step == "delist":
                ended.setdefault(symbol, day)
                split_of = {name: split for name, split in split_of.items() if name != symbol or split <= day}
                actions[symbol] = splits(symbol, {split_of[symbol]: 2.0} if symbol in split_of else {})
            elif step == "add":
                live.append(f"{symbol}-{next(number)}")
            elif runs:
                live.remove(runs[0])
                if step == "retrain":
                    live.append(f"{symbol}-{next(number)}")
    live.clear()
    broker.open({name: 2 for name, split in split_of.items() if split == len(days)})
    ask(len(days), set())
    broker.open({})
    assert not any(broker.shares.values())
    assert not any(order.shares for order in shares_held(journal, now=at(len(days) + 1)).values())
