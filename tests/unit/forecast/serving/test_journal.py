"""The journal loses nothing, repeats nothing, and reads what a crash has left of it."""

import json
import threading
from dataclasses import replace

import pytest

from forecast.serving.journal import GivenSignal, Journal, JournalEntry


def entry(run="AAPL-1d-a", decided_at="2024-01-02T21:00:00Z", position=1.0, **more):
    forecast = GivenSignal(model="lstm", signal="buy", probability=0.51, position=position, members=(0.5, 0.52))
    return JournalEntry(
        **{
            "recorded_at": "2024-01-02T22:00:00Z", "run": run, "symbol": run.split("-")[0], "model": "lstm",
            "backtest": "b", "rules": {"policy": "long-flat"}, "decided_at": decided_at, "price": 0.0000113,
            "signals": (forecast,), **more,
        }
    )  # fmt: skip


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "live")


def test_what_was_written_is_read_again(journal):
    assert journal.read().entries == ()
    entries = [entry(), entry(run="MSFT-1d-b", currency="USD", stale=True, refit=True)]
    assert journal.record(entries) == entries
    assert list(journal.read().entries) == entries
    assert len(journal.path.read_text().splitlines()) == 2


def test_a_bar_that_is_asked_twice_stands_once_as_it_was_given_first(journal):
    first, later = entry(), entry(position=-1.0, recorded_at="2024-01-02T23:00:00Z")
    journal.record([first])
    before = journal.path.read_bytes()
    assert journal.record([later, later]) == [first, first]
    assert journal.path.read_bytes() == before
    other = entry(decided_at="2024-01-03T21:00:00Z")
    assert journal.record([later, other]) == [first, other]
    assert journal.read().entries == (first, other)


def test_an_account_follows_its_run_and_those_that_were_live_before_it_but_none_beside_it(journal):
    days = [f"2024-01-0{day}T21:00:00Z" for day in (2, 3, 4, 5)]
    before = [entry("A-1d-before", day, position=0.0) for day in days[:2]]
    own = [entry("A-1d-own", day) for day in days[1:]]
    beside = [entry("A-1d-beside", day, position=-1.0) for day in days[:3]]
    journal.record([*before, *beside, *own[::-1], entry("B-1d-own", days[0])])
    page = journal.read()
    assert page.followed("A", days[3], run="A-1d-own", others={"A-1d-beside"}) == (before[0], own[0], own[1])
    assert page.followed("A", days[2], run="A-1d-beside", others={"A-1d-own", "A-1d-before"}) == tuple(beside[:2])
    assert page.followed("A", days[0], run="A-1d-own") == ()


@pytest.mark.parametrize("cut", [1, 5, 40, 200])
def test_a_journal_that_was_cut_loses_its_last_line_alone_and_is_written_on(journal, cut):
    first, last, fresh = (entry(decided_at=f"2024-01-0{day}T21:00:00Z") for day in (2, 3, 4))
    journal.record([first, last])
    content = journal.path.read_bytes()
    journal.path.write_bytes(content[:-cut])
    left = (first, last) if cut == 1 else (first,)  # without its line end the last line is still whole
    assert journal.read().entries == left
    journal.record([fresh])
    page = journal.read()
    assert page.entries == (*left, fresh)
    assert page.damaged == (() if cut == 1 else (2,))
    assert journal.path.read_bytes().startswith(content[:-cut])  # nothing was taken away
    assert journal.record([last]) == [last]
    assert sorted(entry.decided_at for entry in journal.read().entries) == [
        first.decided_at,
        last.decided_at,
        fresh.decided_at,
    ]


@pytest.mark.parametrize("line", [b"\xff\xfe", b"[]", b"{}", b'{"event": "signal"}', b"[" * 100_000, b"1"])
def test_a_damaged_line_is_counted_and_passed_over(journal, line):
    journal.record([entry()])
    journal.path.write_bytes(line + b"\n" + journal.path.read_bytes())
    page = journal.read()
    assert (page.damaged, page.entries) == ((1,), (entry(),))


def test_two_programs_at_once_write_each_signal_once(journal):
    entries = [entry(run=f"S{number}-1d-x") for number in range(20)]
    threads = [threading.Thread(target=journal.record, args=(entries,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(entry.run for entry in journal.read().entries) == sorted(entry.run for entry in entries)
    assert [json.loads(line)["event"] for line in journal.path.read_text().splitlines()] == ["signal"] * 20


def test_the_signal_before_is_the_symbols_whatever_the_run(journal):
    old, new = entry(position=1.0), entry(run="AAPL-1d-z", decided_at="2024-01-05T21:00:00Z")
    journal.record([old, new])
    page = journal.read()
    assert page.followed("AAPL", new.decided_at, run=new.run) == (old,)
    assert page.followed("AAPL", old.decided_at, run=new.run) == ()
    assert page.of("AAPL-1d-z") == [new]


def test_two_live_runs_of_a_symbol_have_accounts_of_their_own(journal):
    long, flat = entry(position=1.0), entry(run="AAPL-1d-z", position=0.0)
    journal.record([long, flat])
    page, later = journal.read(), "2024-01-05T21:00:00Z"
    assert page.followed("AAPL", later, run=flat.run, others={long.run}) == (flat,)
    assert page.followed("AAPL", later, run=long.run, others={flat.run}) == (long,)
    assert page.followed("AAPL", later, run=long.run) == (long,)  # the other one is live no more


def test_what_a_program_was_told_is_remembered(journal):
    journal.record([entry()])
    assert journal.read().passed_on == {}
    journal.mark_passed_on({entry().key: {"KO": 5, "IBM": 7}})
    journal.mark_passed_on({entry().key: {}})  # asked again without --cash
    assert journal.read().passed_on == {entry().key: {"KO": 5, "IBM": 7}}
    journal.mark_passed_on({entry().key: {"KO": 0}})
    assert journal.read().passed_on == {entry().key: {"KO": 0, "IBM": 7}}
    assert journal.read().entries == (entry(),)


def test_what_a_former_version_wrote_of_a_program_is_read_and_a_damaged_line_counted(journal):
    run, decided_at = entry().key
    line = {"event": "passed_on", "run": run, "decided_at": decided_at}
    journal.path.parent.mkdir(parents=True, exist_ok=True)
    lines = [line, {**line, "run": "B", "shares": {"KO": 1.5}}, {**line, "run": "B", "shares": [5]}]
    journal.path.write_text("\n".join(map(json.dumps, lines)))
    page = journal.read()
    assert page.passed_on == {(run, decided_at): None}
    assert page.damaged == (2, 3)


def test_the_traded_network_is_the_one_that_was_chosen():
    other = GivenSignal(model="simple_rnn", signal="sell", probability=0.4, position=-1.0)
    both = replace(entry(), signals=(other, entry().signals[0]))
    assert both.traded.model == "lstm"
    assert replace(both, model="gone").traded is other


def test_two_programs_at_once_pass_a_change_on_once(journal):
    messages = []

    def tell():
        with journal.passing_on() as page:
            if entry().key not in page.passed_on:
                messages.append(entry().key)
                journal.mark_passed_on({entry().key: {}})

    threads = [threading.Thread(target=tell) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert messages == [entry().key]
