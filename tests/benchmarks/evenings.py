"""Thirty symbols over ten evenings through the command line, with fresh prices from a Yahoo on this machine.

python -m tests.benchmarks.evenings [FOLDER [SYMBOLS]], the first 12 to 30 of them

The evenings are those of Thanksgiving 2024: one holiday, one half day, one evening missed, one symbol delisted, one
whose server fails for an evening, one run trained anew, programs that fail or hang, two commands at once, a clock that
is set back, a journal that is cut. Signals of the journal are those of the backtests' rows; orders add up to the shares
held. Prints processor seconds of each evening.
"""

import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.helpers.command_line import command_line, environment
from tests.helpers.fake_yahoo import FakeYahoo, chart, cut, serving

SYMBOLS = [f"S{number:02}" for number in range(int(sys.argv[2]) if len(sys.argv) > 2 else 30)]
FIRST, BARS = "2023-06-01", 390  # up to 2024-12-18
RETRAINED, DELISTED, FAILING = "S05", "S07", "S11"
LAST_OF_DELISTED = "2024-11-22"
SMALL = (
    "--folds", "1", "--seeds", "1", "--epochs", "2", "--units", "4", "--model", "simple_rnn", "--model", "lstm",
    "--baseline", "previous_sign", "--jobs", "1",
)  # fmt: skip
CASH = 100_000
EVENINGS = {
    "2024-11-20": 0, "2024-11-21": 4, "2024-11-22": 4, "2024-11-26": 3, "2024-11-27": 3, "2024-11-28": 3,
    "2024-11-29": 3, "2024-12-02": 3, "2024-12-03": 0,
}  # fmt: skip
"""Day -> exit code: a program fails on the 21st and hangs on the 22nd; from the 26th to the removal one is stale."""
HOLIDAY, HALF_DAY, MISSED = "2024-11-28", "2024-11-29", "2024-11-25"


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a command returned, printed and cost in processor seconds, its children's included."""

    code: int
    out: str
    err: str
    processor: float
    wall: float


@dataclass
class Desk:
    """Somebody's folder, and the evening it is."""

    folder: Path
    yahoo: FakeYahoo
    charts: dict[str, Any]
    moment: str = ""

    def evening(self, day: str) -> None:
        """Yahoo has prices up to that day's close; it is 45 minutes later."""
        self.moment = f"{day}T18:45" if day == HALF_DAY else f"{day}T21:45"
        until = int(np.datetime64(self.moment, "s").astype(int))
        self.yahoo.charts = {
            symbol: cut(body, {"period1": "0", "period2": str(until)})
            for symbol, body in self.charts.items()
            if symbol != DELISTED or day <= LAST_OF_DELISTED
        }

    def run(self, *arguments: str, code: int | None = 0, moment: str | None = None) -> Done:
        """`forecast ARGUMENTS` now. code: the exit code that it must have, None for any."""
        own = command_line(self.folder, *arguments)[3:]
        line = [sys.executable, "-m", "tests.helpers.evening_process", moment or self.moment, self.yahoo.base, *own]
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(
            line, capture_output=True, text=True, env=environment(), cwd=self.folder, stdin=subprocess.DEVNULL
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if code not in (None, done.returncode):
            raise SystemExit(f"{arguments}: exit code {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}")
        return Done(
            code=done.returncode, out=done.stdout, err=done.stderr, wall=time.perf_counter() - began,
            processor=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        )  # fmt: skip

    @property
    def journal(self) -> Path:
        return self.folder / "data" / "live" / "journal.jsonl"

    def entries(self) -> list[dict[str, Any]]:
        lines = [line for line in self.journal.read_text().splitlines() if line]
        read = []
        for line in lines:
            try:
                read.append(json.loads(line))
            except ValueError:
                continue
        return [entry for entry in read if entry["event"] == "signal"]


def main() -> None:
    """Prepares, replays, checks, prints."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    charts = {symbol: random_walk(number) for number, symbol in enumerate(SYMBOLS)}
    with serving(FakeYahoo()) as yahoo:
        desk = Desk(folder=folder, yahoo=yahoo, charts=charts)
        if not (folder / "data" / "runs").exists():  # otherwise those of an earlier call are replayed
            prepare(desk)
        runs = go_live(desk)
        evenings = replay(desk, runs)
        check_journal(desk, runs)
        check_orders(evenings)
    print("journal, orders: as the backtests have them")


def random_walk(number: int) -> dict[str, Any]:
    """Daily bars of New York whose open, high and low differ from the close."""
    rng = np.random.default_rng(number)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, BARS)))
    opened = np.append(close[0], close[:-1]) * np.exp(rng.normal(0, 0.005, BARS))
    body = chart(close.round(4).tolist(), first=FIRST)
    quote = body["chart"]["result"][0]["indicators"]["quote"][0]
    quote["open"] = opened.round(4).tolist()
    quote["high"] = (np.maximum(opened, close) * 1.004).round(4).tolist()
    quote["low"] = (np.minimum(opened, close) * 0.996).round(4).tolist()
    quote["volume"] = rng.integers(10_000, 99_999, BARS).tolist()
    return body


def prepare(desk: Desk) -> None:
    """Prices up to the end, runs and backtests, whose rows are the oracle."""
    desk.yahoo.charts, desk.moment = desk.charts, "2024-12-31T22:00"
    for arguments in (
        ("fetch", *SYMBOLS),
        ("train", *SYMBOLS, *SMALL, "--window", "5"),
        ("train", RETRAINED, *SMALL, "--window", "6"),
        *(("backtest", run, "--policy", "long-short") for run in run_names(desk.folder)),
    ):
        done = desk.run(*arguments)
        print(f"{' '.join(arguments)[:60]}: {done.processor:.1f} s of processor, {done.wall:.1f} s", flush=True)
    done = desk.run("backtest", *run_names(desk.folder), "--policy", "long-short")
    print(f"backtest of {len(SYMBOLS) + 1} runs: {done.processor:.1f} s of processor, {done.wall:.1f} s", flush=True)


def run_names(folder: Path) -> list[str]:
    """All runs, in the order in which they were trained."""
    runs = folder / "data" / "runs"
    return sorted(
        (path.parent.name for path in runs.glob("*/run.json")),
        key=lambda name: json.loads((runs / name / "run.json").read_text())["created_at"],
    )


def go_live(desk: Desk) -> dict[str, list[str]]:
    """A store that ends the evening before the first one, and the first run of each symbol live; symbol -> its runs."""
    shutil.rmtree(desk.folder / "data" / "store")
    shutil.rmtree(desk.folder / "data" / "origins")
    desk.evening("2024-11-19")
    desk.run("fetch", *SYMBOLS)
    runs: dict[str, list[str]] = {}
    for name in run_names(desk.folder):
        runs.setdefault(name.split("-")[0], []).append(name)
    desk.run("live", "add", *(runs[symbol][0] for symbol in SYMBOLS))
    return runs


def replay(desk: Desk, runs: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Every evening's answers, as --json has them."""
    ask, evenings = ("signal", "--all", "--cash", str(CASH), "--json"), []
    messages = desk.folder / "messages.jsonl"
    keep = f"{sys.executable} -c \"import sys; open({str(messages)!r}, 'a').write(sys.stdin.read() + chr(10))\""
    for day, code in EVENINGS.items():
        desk.evening(day)
        desk.yahoo.failing = {FAILING} if day == "2024-11-26" else set()
        hook, more = keep, ()
        if day == "2024-11-21":
            hook = f'{sys.executable} -c "import sys; sys.exit(5)"'
        if day == "2024-11-22":
            hook, more = f'{sys.executable} -c "import time; time.sleep(99)"', ("--hook-timeout", "0.5")
        if day == "2024-11-27":
            old, new = runs[RETRAINED]
            desk.run("live", "remove", old)
            desk.run("live", "add", new)
            done = at_once(desk, (*ask, "--on-change", hook), code=code)
        else:
            if day == "2024-12-03":
                desk.run("live", "remove", DELISTED)
            done = desk.run(*ask, "--on-change", hook, *more, code=None)
        answers = json.loads(done.out)
        told_of = any(run["changed"] or run["order"] for run in answers["runs"])
        expect(done.code == (code if told_of or code != 4 else 0), (day, done.code, done.err))
        print(
            f"{day}: {len(answers['runs'])} signals, {done.processor:.1f} s of processor, {done.wall:.1f} s, "
            f"load {os.getloadavg()[0]:.1f}", flush=True,
        )  # fmt: skip
        expect(not answers["failed"], answers["failed"])
        stale = [run["symbol"] for run in answers["runs"] if run["stale_reason"]]
        gone = [DELISTED] if LAST_OF_DELISTED < day < "2024-12-03" else []
        expect(stale == gone + [FAILING] * (day == "2024-11-26"), (day, stale))
        evenings.append(answers)
        same_again(desk, ask, answers, code=3 if stale else 0)
        if day in ("2024-11-21", "2024-11-22"):  # nobody was told: told with the next one
            desk.run(*ask, "--on-change", keep, code=0)
        if day == "2024-12-02":
            damaged(desk, ask)
    changes = [
        (run["run"], run["decided_at"])
        for answers in evenings
        for run in answers["runs"]
        if run["changed"] or run["order"]
    ]
    heard = [change for line in messages.read_text().splitlines() for change in json.loads(line)["changed"]]
    expect(
        sorted({*changes}) == sorted((change["run"], change["decided_at"]) for change in heard),
        (len(changes), len(heard)),
    )
    return evenings


def at_once(desk: Desk, ask: tuple[str, ...], *, code: int) -> Done:
    """Two commands at the same time: both answer the same, and each signal is one line."""
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: desk.run(*ask, code=code), range(2))
    positions = [[(run["run"], run["position"]) for run in json.loads(done.out)["runs"]] for done in (one, other)]
    expect(positions[0] == positions[1], positions)
    return one


def same_again(desk: Desk, ask: tuple[str, ...], answers: dict[str, Any], *, code: int) -> None:
    """Asked again the same bars stand, in CSV and narrowed to changes too."""
    before = desk.journal.read_bytes()
    rows = pd.read_csv(
        io.StringIO(desk.run(*ask[:-1], "--csv", "--offline", code=code).out), float_precision="round_trip"
    )
    rows = rows[rows["status"] != "removed"]
    expect(rows["symbol"].tolist() == [run["symbol"] for run in answers["runs"]], rows)
    for name in ("position", "previous_position", "changed", "shares", "order", "probability"):
        expect(rows[name].tolist() == [run[name] for run in answers["runs"]], (name, rows))
    changed = json.loads(desk.run(*ask, "--changed", "--offline", code=code).out)["runs"]
    changed_runs = [run["run"] for run in answers["runs"] if run["changed"] or run["order"]]
    expect([change["run"] for change in changed] == changed_runs, changed)
    expect(desk.journal.read_bytes() == before, "the journal has grown")


def damaged(desk: Desk, ask: tuple[str, ...]) -> None:
    """A journal whose last line a crash has cut gets that signal anew; a clock that was set back is said."""
    entries = desk.entries()
    content = desk.journal.read_bytes()
    lines = content.splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if b'"event": "signal"' in line)
    lines[last] = lines[last][: len(lines[last]) // 2] + b"\n"
    desk.journal.write_bytes(b"".join(lines))
    expect(len(desk.entries()) == len(entries) - 1, "one line is cut")
    done = desk.run(*ask, code=3)
    expect("cannot be read" in done.err, done.err)
    expect(keys(desk.entries()) == keys(entries), "the cut signal was not given anew")
    done = desk.run(*ask, moment="2024-11-30T12:00", code=3)
    expect("Check the clock" in done.err, done.err)
    expect(keys(desk.entries()) == keys(entries), "a clock that is set back has written signals")


def keys(entries: list[dict[str, Any]]) -> list[tuple[str, str, float]]:
    return sorted(
        (entry["run"], entry["decided_at"], signal["probability"]) for entry in entries for signal in entry["signals"]
    )


def check_journal(desk: Desk, runs: dict[str, list[str]]) -> None:
    """Each signal of the journal is the backtest's row of that close; each evening is there once."""
    entries = desk.entries()
    decided_on: dict[str, list[str]] = {}
    for entry in entries:
        decided_on.setdefault(entry["run"], []).append(entry["decided_at"][:10])
    sessions = [day for day in EVENINGS if day != HOLIDAY]
    for symbol, names in runs.items():
        for name in names:
            days = [day for day in sessions if symbol != DELISTED or day <= LAST_OF_DELISTED]
            if symbol == RETRAINED:
                days = [day for day in sessions if (day >= "2024-11-27") == (name == names[1])]
            if symbol == FAILING:
                days.remove("2024-11-26")
            expect(sorted(decided_on[name]) == days, (name, decided_on[name], days))
    for name in decided_on:
        folder = desk.folder / "data" / "runs" / name
        (backtest,) = (folder / "backtests").iterdir()
        signals, ledger = (pd.read_parquet(backtest / f"{file}.parquet") for file in ("signals", "ledger"))
        signals = signals[signals["member"] == "ensemble"].set_index(["model", "decided_at"])
        ledger = ledger[ledger["member"] == "ensemble"].set_index(["model", "time"])
        opened = pd.read_parquet(folder / "bars.parquet").set_index("closed_at")["opened_at"].shift(-1)
        for entry in (entry for entry in entries if entry["run"] == name):
            at = pd.Timestamp(entry["decided_at"])
            for signal in entry["signals"]:
                row = signals.loc[signal["model"], at]
                expect((signal["signal"], signal["probability"]) == (row["signal"], row["probability"]), entry)
                expect(signal["position"] == ledger.loc[(signal["model"], opened[at]), "position"], entry)
    record = {live_run["run"]: live_run["record"] for live_run in json.loads(desk.run("live", "list", "--json").out)}
    for name, followed in record.items():
        symbol = name.split("-")[0]
        missed = 0 if symbol == RETRAINED else 2 if symbol == FAILING else 1
        expect(
            (followed["given"], followed["missed"], followed["late"]) == (len(decided_on[name]), missed, 0), followed
        )


def check_orders(evenings: list[dict[str, Any]]) -> None:
    """The orders of all evenings add up to the shares that are held, each from an equal part of the account.

    Where the live set has become smaller, the parts are larger, and what was removed is sold. On the evening of the
    holiday the orders of the one before stand still.
    """
    shares_held: dict[str, int] = {}
    parts, of_last = 0, ""
    for answers in evenings:
        runs, newest = answers["runs"], max(run["decided_at"] for run in answers["runs"])
        for answer in [*runs, *answers.get("removed", [])]:
            if newest != of_last:
                shares_held[answer["symbol"]] = shares_held.get(answer["symbol"], 0) + answer["order"]
            expect(
                shares_held[answer["symbol"]] == answer["shares"],
                (answer["symbol"], shares_held[answer["symbol"]], answer["shares"]),
            )
            if (answer.get("changed") and not answer["stale"]) or ("position" in answer and len(runs) != parts):
                expect(answer["shares"] == int(CASH / len(runs) * answer["position"] / answer["price"]), answer)
        expect({name for name, shares in shares_held.items() if shares} <= {run["symbol"] for run in runs}, shares_held)
        parts, of_last = len(runs), newest


def expect(holds: bool, what: object) -> None:
    if not holds:
        raise SystemExit(f"Not as it should be: {what}")


if __name__ == "__main__":
    main()
