"""The journal of signals: each that was given, once per run and bar, appended and never changed."""

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

_FILE = "journal.jsonl"


@dataclass(frozen=True, kw_only=True)
class GivenSignal:
    """One network's signal as it was given; fields as in forecast.serving.signal.Signal."""

    model: str
    signal: str
    probability: float
    position: float
    members: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GivenName:
    """One row of a panel's ranking as it was given. decided_at: of its calendar. signals: of each network; position:
    its share of the account."""

    symbol: str
    decided_at: str
    price: float
    currency: str = ""
    signals: tuple[GivenSignal, ...] = ()

    def traded(self, model: str) -> GivenSignal:
        """The signal of that network, the first one where it is not among them."""
        return next((signal for signal in self.signals if signal.model == model), self.signals[0])


@dataclass(frozen=True, kw_only=True)
class JournalEntry:
    """What a live run said at the close of one bar.

    recorded_at, decided_at: UTC, ISO 8601. model: the network that was traded. rules: the backtest's config.json.
    price: as traded. stale: whether a later session had closed. refit: whether members trained that evening were asked.
    names: of a panel the ranking, highest probability first; then symbol is the panel's, price 0 and signals empty.
    left: symbols that were held and decide no more, which are sold at their next open.
    """

    recorded_at: str
    run: str
    symbol: str
    model: str
    backtest: str
    rules: Mapping[str, Any]
    decided_at: str
    price: float
    currency: str = ""
    stale: bool = False
    refit: bool = False
    signals: tuple[GivenSignal, ...] = ()
    names: tuple[GivenName, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        return self.run, self.decided_at

    @property
    def traded(self) -> GivenSignal:
        """The signal of the network that is traded, the first one where that is not among them."""
        return next((signal for signal in self.signals if signal.model == self.model), self.signals[0])


@dataclass(frozen=True, kw_only=True)
class GivenOrder:
    """An order as it was given: whole shares of a symbol from before to shares, for a live run.

    recorded_at, decided_at: UTC, ISO 8601; decided_at: the bar whose price it was counted at. calendar: where it is
    filled. money: the run's part of the account. taken_over: runs that are live no more, whose shares are in before.
    """

    recorded_at: str
    run: str
    symbol: str
    decided_at: str
    calendar: str
    position: float
    money: float
    before: int
    shares: int
    taken_over: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        return self.run, self.symbol

    @property
    def order(self) -> int:
        """Shares to buy, negative to sell."""
        return self.shares - self.before


@dataclass(frozen=True, kw_only=True)
class JournalPage:
    """All that the journal holds, in the order in which it was written.

    passed_on: run and bar of each change that a program of --on-change was told, with the shares it was told to hold of
    each symbol; None where a former version wrote no shares down. damaged: numbers of lines, counted from 1, that
    cannot be read.
    """

    entries: tuple[JournalEntry, ...] = ()
    passed_on: Mapping[tuple[str, str], Mapping[str, int] | None] = field(default_factory=dict)
    damaged: tuple[int, ...] = ()
    orders: tuple[GivenOrder, ...] = ()

    def of(self, run: str) -> list[JournalEntry]:
        """The entries of a run, in order of their bars."""
        return sorted((entry for entry in self.entries if entry.run == run), key=lambda entry: entry.decided_at)

    def followed(
        self, symbol: str, decided_at: str, *, run: str, others: Collection[str] = ()
    ) -> tuple[JournalEntry, ...]:
        """The entries of a symbol at earlier bars that the account of a run has followed, one a bar, in their order.

        Those of the run, and of runs that were live before it. others: the runs that are live beside it, each of which
        has an account of its own.
        """
        entry_of: dict[str, JournalEntry] = {}
        for entry in self.entries:
            if entry.symbol != symbol or entry.decided_at >= decided_at or entry.run in others:
                continue
            if entry.run == run or entry.decided_at not in entry_of:
                entry_of[entry.decided_at] = entry
        return tuple(entry_of[moment] for moment in sorted(entry_of))


class Journal:
    """data/live/journal.jsonl: one line of JSON a signal, synced before the signal is shown."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / _FILE
        self._lock = folder / f".{_FILE}.lock"

    def read(self) -> JournalPage:
        """Everything that is there. A line that was cut or damaged is passed over, and counted."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return JournalPage()
        entries: dict[tuple[str, str], JournalEntry] = {}
        passed_on: dict[tuple[str, str], Mapping[str, int] | None] = {}
        damaged, orders = [], []
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                content = json.loads(line)
                if content["event"] == "passed_on":
                    key = str(content["run"]), str(content["decided_at"])
                    shares = _shares(content["shares"]) if "shares" in content else None
                    passed_on[key] = shares if shares is None else {**(passed_on.get(key) or {}), **shares}
                    continue
                if content["event"] == "order":
                    orders.append(_order(content))
                    continue
                entry = _entry(content)
                entries.setdefault(entry.key, entry)
            except (ValueError, KeyError, TypeError, RecursionError):
                damaged.append(number)
        return JournalPage(
            entries=tuple(entries.values()),
            passed_on=passed_on,
            damaged=tuple(damaged),
            orders=tuple(orders),
        )

    def record(self, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
        """Appends those whose run and bar are not there yet, in one write; returns what now stands for each."""
        with self._locked():
            recorded = {entry.key: entry for entry in self.read().entries}
            fresh = {entry.key: entry for entry in entries if entry.key not in recorded}
            self._append({"event": "signal", **asdict(entry)} for entry in fresh.values())
        return [recorded.get(entry.key, fresh.get(entry.key, entry)) for entry in entries]

    def order(self, decide: Callable[[Sequence[GivenOrder]], Sequence[GivenOrder]]) -> None:
        """Appends the orders that decide makes of all that were given, in one write; no other command comes between."""
        with self._locked():
            self._append({"event": "order", **asdict(order)} for order in decide(self.read().orders))

    def mark_passed_on(self, shares: Mapping[tuple[str, str], Mapping[str, int]]) -> None:
        """Notes that a program was told of changes. shares: of each run and bar, what to hold of each symbol."""
        with self._locked():
            self._append(
                {"event": "passed_on", "run": run, "decided_at": decided_at, "shares": dict(of_symbol)}
                for (run, decided_at), of_symbol in shares.items()
            )

    @contextmanager
    def passing_on(self) -> Iterator[JournalPage]:
        """Held while a program is told of changes, so that two commands at once do not tell it twice.

        Gives all that the journal holds then.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.parent / ".passing-on.lock"):
            yield self.read()

    def _append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        content = b"".join(json.dumps(line, allow_nan=False).encode() + b"\n" for line in lines)
        if not content:
            return
        with self.path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # a crash cut the last line short: it stays alone, as it is
                    content = b"\n" + content
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def _locked(self) -> FileLock:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(self._lock)


def _signals(content: Iterable[Mapping[str, Any]]) -> tuple[GivenSignal, ...]:
    return tuple(GivenSignal(**{**signal, "members": tuple(signal["members"])}) for signal in content)


def _shares(content: Any) -> dict[str, int]:
    if not isinstance(content, dict) or not all(type(shares) is int for shares in content.values()):
        raise TypeError("whole shares of symbols are expected")
    return content


def _order(content: Mapping[str, Any]) -> GivenOrder:
    values = {name: value for name, value in content.items() if name != "event"}
    order = GivenOrder(**{**values, "taken_over": tuple(values.get("taken_over", ()))})
    texts = (order.recorded_at, order.run, order.symbol, order.decided_at, order.calendar)
    if not (all(isinstance(text, str) for text in texts) and type(order.before) is type(order.shares) is int):
        raise TypeError("a run, a symbol, a bar and whole shares are expected")
    return order


def _entry(content: Mapping[str, Any]) -> JournalEntry:
    values = {name: value for name, value in content.items() if name != "event"}
    names = tuple(
        GivenName(**{**name, "signals": _signals(name["signals"])})  # one row of a ranking
        for name in values.pop("names", ())
    )
    signals, left = _signals(values.pop("signals")), tuple(values.pop("left", ()))
    entry = JournalEntry(**values, signals=signals, names=names, left=left)
    if not (
        (signals or all(name.signals for name in names))
        and (signals or names)
        and isinstance(entry.run, str)
        and isinstance(entry.decided_at, str)
    ):
        raise TypeError("a run, a bar and its signals are expected")
    return entry
