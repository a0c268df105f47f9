"""A year of evenings: what the journal has, and what came of it, against the backtest's rows of the same days.

One symbol is delisted, one holiday and one missed evening lie between, and one run is replaced by a later training.
"""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest

from forecast.config.trading import Costs, TradingConfig
from forecast.datasets.dataset import make_bars
from forecast.datasets.lookahead_audit import truncated
from forecast.evaluation.backtest import evaluate
from forecast.runs.catalog import open_run
from forecast.serving import live
from forecast.serving.evening import LiveForecast, ask_all
from forecast.serving.journal import GivenOrder, Journal
from forecast.serving.loader import load_members, source_now
from forecast.serving.paper_record import paper_ledger, paper_record
from forecast.serving.signal import outlook
from pipelines.market import calendars
from pipelines.store.store import Store
from tests.helpers.command_line import SMALL, forecast, forecast_here, only_line

RULES = TradingConfig(policy="long-short", threshold=0.005, costs=Costs(fee_bps=1, slippage_bps=2))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evenings")
    run = forecast_here(folder)
    run("fetch", "AAPL", "IBM", "--source", "sample")
    small = (*SMALL[:SMALL.index("--baseline")], "--baseline", "previous_sign")  # fmt: skip
    networks = ("--model", "simple_rnn", "--model", "lstm")
    run("train", "AAPL", "IBM", *small, *networks)
    run("train", "AAPL", *small, *networks, "--window", "12")
    return folder


@pytest.fixture
def copy(folder, tmp_path):
    shutil.copytree(folder / "data", tmp_path / "data")
    return tmp_path


class Evenings:
    """Replays evenings up to a day; nothing later is seen."""

    def __init__(self, folder, journal_folder):
        self.folder, self.live_folder, self.journal = folder, journal_folder, Journal(journal_folder)
        self.loaded, self.sources, self.ends, self.forecasts = {}, {}, {}, {}

    def add(self, name):
        run = open_run(self.folder / "data" / "runs", name)
        saved = evaluate(run, rules=RULES)
        loaded = load_members(run)
        source = source_now(run, loaded.experiment, Store(self.folder / "data" / "store"))
        self.loaded[run.name], self.sources[run.name] = loaded, source
        live.add(
            self.live_folder, run=run.name, symbol=run.symbol, model="lstm", backtest=saved.name, rules=saved.config
        )
        return run

    def hold(self, day):
        now = np.datetime64(day, "ns") + np.timedelta64(22, "h")

        def ask(live_run):
            end = min(now, self.ends.get(live_run.symbol, now))
            loaded, source = self.loaded[live_run.run], truncated(self.sources[live_run.run], end)
            key = live_run.run, len(source.raw)
            if key not in self.forecasts:  # nothing new has come: it would say the same
                forecast = outlook(loaded, source, rules=live_run.trading)
                self.forecasts[key] = LiveForecast(
                    loaded=loaded, forecast=forecast, prices=make_bars(source, loaded.experiment)
                )
            return self.forecasts[key]

        return ask_all(live.read_live(self.live_folder), ask=ask, journal=self.journal, now=now)


def run_names(folder, symbol):
    """Of a symbol, the one that was trained first before the other."""
    runs = [open_run(folder / "data" / "runs", path.name) for path in (folder / "data" / "runs").glob(f"{symbol}-1d-*")]
    return [run.name for run in sorted(runs, key=lambda run: run.created_at)]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [60, pytest.param(250, marks=pytest.mark.slow)])
def test_signals_of_many_evenings_equal_the_backtests_rows(folder, tmp_path, count):
    delisted, missed_evening, retrained = count * 2 // 5, count * 6 // 25, count // 2
    evenings = Evenings(folder, tmp_path / "live")
    first, second = run_names(folder, "AAPL")
    runs = {name: evenings.add(name) for name in (first, *run_names(folder, "IBM"))}
    decided = open_run(folder / "data" / "runs", first).predictions()["decided_at"].max().date()
    days = np.busday_offset(np.datetime64(decided), np.arange(1 - count, 1), roll="backward")
    holidays = [day for day in days if not calendars.is_session(np.array([day]), "XNYS")[0]]
    assert len(days) == count
    assert len(holidays) >= 1
    evenings.ends["IBM"] = np.datetime64(days[delisted], "ns") + np.timedelta64(22, "h")
    for number, day in enumerate(days):
        if number == missed_evening:
            assert day not in holidays
            continue
        if number == retrained:
            live.remove(evenings.live_folder, "AAPL")
            runs[second] = evenings.add(second)
        before = len(evenings.journal.read().entries)
        evening = evenings.hold(day)
        assert evening.failures == ()
        if day in holidays:
            assert len(evenings.journal.read().entries) == before  # nothing has closed: nothing new is said
            assert not any(answer.entry.stale for answer in evening.answers if answer.live.symbol != "IBM")
        if number % 50 == 0:
            assert evenings.hold(day).answers[0].entry == evening.answers[0].entry
        ibm = next(answer for answer in evening.answers if answer.live.symbol == "IBM")
        assert ibm.forecast.stale(np.datetime64(day, "ns") + np.timedelta64(22, "h")) == (
            number > delisted and not set(days[delisted + 1 : number + 1]) <= set(holidays)
        )
    page = evenings.journal.read()
    sessions = [day for number, day in enumerate(days) if day not in holidays and number != missed_evening]
    expected = {
        first: [day for day in sessions if day < days[retrained]],
        second: [day for day in sessions if day >= days[retrained]],
        run_names(folder, "IBM")[0]: [day for day in sessions if day <= days[delisted]],
    }
    for name, run in runs.items():
        entries = page.of(name)
        assert [np.datetime64(entry.decided_at[:10]) for entry in entries] == expected[name]
        saved = run.backtest(RULES.name)
        signals = saved.signals[saved.signals["member"] == "ensemble"].set_index(["model", "decided_at"])
        ledger = saved.ledger[saved.ledger["member"] == "ensemble"].set_index(["model", "time"])
        opened = run.bars().set_index("closed_at")["opened_at"].shift(-1)
        for entry in entries:
            at = pd.Timestamp(entry.decided_at)
            assert {signal.model for signal in entry.signals} == {"simple_rnn", "lstm"}
            for signal in entry.signals:
                row = signals.loc[signal.model, at]
                assert (signal.signal, signal.probability) == (row["signal"], row["probability"])
                assert signal.position == ledger.loc[(signal.model, opened[at]), "position"]
        prices = make_bars(evenings.sources[name], evenings.loaded[name].experiment)
        bars = prices.rows(
            slice(int(np.searchsorted(prices.closed_at, np.datetime64(entries[-1].decided_at[:-1]))) + 3)
        )
        account = paper_ledger(entries, bars, rules=RULES, described=run.describe())
        lines = ledger.loc["lstm"].loc[pd.DatetimeIndex(account.ledger.time[:-1]).tz_localize("UTC")]
        followed = account.journalled & np.append(False, account.journalled[:-1])  # the day before was given, too
        for column in ("gross_return", "cost", "net_return"):
            followed_returns = getattr(account.ledger, column)[:-1][followed]
            assert followed_returns == pytest.approx(lines[column].to_numpy()[followed], abs=1e-15), column
        missed = 0 if name in (second,) or (name.startswith("IBM") and delisted < missed_evening) else 1
        assert np.count_nonzero(~account.journalled) == missed
        record = paper_record(run, evenings.loaded[name].experiment, entries, bars, rules=RULES)
        assert (record.given, record.missed, record.late) == (len(entries), missed, 0)
        assert record.drift.observations >= len(entries) - 1  # less a day without a move


def test_signal_all_asks_the_live_set_and_nothing_else(copy, capsys):
    first, second = run_names(copy, "AAPL")
    assert forecast(copy, "signal", "--all", "--offline") == 2
    assert "Expected a run in the live set, got none" in only_line(capsys.readouterr().err)
    for name in (first, "IBM"):
        evaluate(open_run(copy / "data" / "runs", name), rules=RULES)
        assert forecast(copy, "live", "add", name) == 0
    evaluate(open_run(copy / "data" / "runs", second), rules=RULES)  # a what-if training and its backtest
    evaluate(open_run(copy / "data" / "runs", first), rules=TradingConfig(policy="long-flat", threshold=0.2))
    capsys.readouterr()
    assert forecast(copy, "signal", "--all", "--offline", "--json") == 3
    answer = json.loads(capsys.readouterr().out)
    assert [(run["run"], run["policy"], run["band"]) for run in answer["runs"]] == [
        (first, "long-short", 0.005), (run_names(copy, "IBM")[0], "long-short", 0.005)
    ]  # fmt: skip
    assert "delisted, renamed or halted" in answer["runs"][0]["stale_reason"]
    assert forecast(copy, "live", "journal", "--json") == 0
    journal = json.loads(capsys.readouterr().out)
    assert [change["run"] for change in journal] == [run["run"] for run in answer["runs"]]
    assert forecast(copy, "signal", "--all", "--offline", "--threshold", "0.4") == 3  # a what-if is not kept
    assert forecast(copy, "signal", first, "--offline") == 3  # asked alone: the same bar, the live rules
    capsys.readouterr()
    assert forecast(copy, "live", "journal", "--json") == 0
    assert json.loads(capsys.readouterr().out) == journal
    assert forecast(copy, "live", "list", "--json") == 0
    assert [live_run["record"]["given"] for live_run in json.loads(capsys.readouterr().out)] == [1, 1]
    assert forecast(copy, "runs", "remove", first, "--yes") == 2
    assert f"First: forecast live remove {first}." in only_line(capsys.readouterr().err)
    assert forecast(copy, "live", "remove", "aapl") == 0
    assert forecast(copy, "live", "remove", "aapl") == 2


@pytest.fixture(scope="module")
def live_folder(folder, tmp_path_factory):
    """A copy with two runs in the live set. Tests only read it."""
    live_folder = tmp_path_factory.mktemp("live")
    shutil.copytree(folder / "data", live_folder / "data")
    for symbol in ("AAPL", "IBM"):
        evaluate(open_run(live_folder / "data" / "runs", symbol), rules=RULES)
        assert forecast(live_folder, "live", "add", symbol) == 0
    return live_folder


@pytest.fixture
def two(live_folder, tmp_path):
    shutil.copytree(live_folder / "data", tmp_path / "data")
    return tmp_path


def test_a_live_run_that_is_gone_or_damaged_is_said_and_the_other_one_served(two, capsys):
    run = open_run(two / "data" / "runs", "IBM")
    weights = run.member("lstm", 1, 0)
    content = weights.read_bytes()
    weights.write_bytes(b"")
    capsys.readouterr()
    assert forecast(two, "signal", "--all", "--offline", "--json") == 4
    answer = json.loads(capsys.readouterr().out)
    assert [run["symbol"] for run in answer["runs"]] == ["AAPL"]
    assert [(failure["symbol"], failure["run"]) for failure in answer["failed"]] == [("IBM", run.name)]
    weights.write_bytes(content)
    shutil.move(run.folder, two / "elsewhere")
    assert forecast(two, "signal", "--all", "--offline", "--csv") == 4
    captured = capsys.readouterr()
    assert "IBM," in captured.out
    assert "Restore its folder, or: forecast live remove" in captured.out
    assert f"IBM: Run {run.name} of the live set is not in" in captured.err
    (two / "data" / "live" / "live.json").write_text("{")
    assert forecast(two, "signal", "--all", "--offline") == 2
    assert "The live set" in only_line(capsys.readouterr().err)


def test_orders_are_whole_shares_of_an_equal_split_from_the_signal_before(two, capsys):
    assert forecast(two, "signal", "--all", "--offline", "--cash", "10000", "--json") == 3
    for run in json.loads(capsys.readouterr().out)["runs"]:
        assert run["shares"] == int(5000 * run["position"] / run["price"])
        assert run["order"] == run["shares"]  # nothing was held before the first signal
        assert run["changed"] == (run["position"] != 0)
        assert run["agreement"]["of"] == 2
    orders = Journal(two / "data" / "live").read().orders
    assert forecast(two, "signal", "--all", "--offline", "--changed") == 3
    output = capsys.readouterr().out
    assert output.count("from flat") == len(output.splitlines()) - 1
    what_if = ("signal", "--all", "--offline", "--policy", "long-flat", "--cash", "500", "--json")
    assert forecast(two, *what_if) == 3
    assert {run["policy"] for run in json.loads(capsys.readouterr().out)["runs"]} == {"long-flat"}
    assert Journal(two / "data" / "live").read().orders == orders  # nor does it order anything


def test_shares_of_runs_that_are_removed_are_sold(two, capsys):
    journal, order = Journal(two / "data" / "live"), {"calendar": "XNYS", "position": 1.0, "money": 500.0, "before": 0}
    times = {"recorded_at": "2024-01-02T22:00:00Z", "decided_at": "2024-01-02T21:00:00Z"}
    names = {symbol: open_run(two / "data" / "runs", symbol).name for symbol in ("AAPL", "IBM")}
    journal.order(
        lambda _: [GivenOrder(run=run, symbol=name, shares=7, **order, **times) for name, run in names.items()]
    )
    message = two / "message.json"
    keep = f"{sys.executable} -c \"import sys; open({str(message)!r}, 'w').write(sys.stdin.read())\""
    capsys.readouterr()
    assert forecast(two, "live", "remove", "IBM") == 0
    assert "What it holds goes to a live run of the same symbol, or is sold" in capsys.readouterr().err
    ask = ("signal", "--all", "--offline", "--cash", "1000")
    assert forecast(two, *ask, "--changed", "--json", "--on-change", keep) == 3
    sale = {"run": names["IBM"], "symbol": "IBM", "shares": 0, "order": -7}
    assert json.loads(capsys.readouterr().out)["removed"] == [sale]
    assert json.loads(message.read_text())["removed"] == [sale]
    assert forecast(two, *ask, "--csv") == 3
    assert f"IBM,{names['IBM']},,,,,,,,,,,,,0,-7,removed," in capsys.readouterr().out
    assert forecast(two, "live", "remove", "AAPL") == 0
    capsys.readouterr()
    assert forecast(two, "signal", "--all", "--offline") == 0
    assert (
        "No run is live, but shares are held of runs that were. To sell them: --cash MONEY." in capsys.readouterr().err
    )
    assert forecast(two, *ask) == 0
    output = capsys.readouterr().out
    assert ["AAPL", "NOT", "LIVE"] in [line.split()[:3] for line in output.splitlines()]


def test_a_program_is_told_of_changes_once_and_may_fail_or_hang(two, capsys):
    message = two / "message.json"
    keep = f"{sys.executable} -c \"import sys; open({str(message)!r}, 'w').write(sys.stdin.read())\""
    ask = ("signal", "--all", "--offline", "--on-change")
    assert forecast(two, *ask, f'{sys.executable} -c "import sys; print(9); sys.exit(5)"') == 4
    assert "ended with exit code 5: 9" in capsys.readouterr().err
    assert forecast(two, *ask, f'{sys.executable} -c "import time; time.sleep(99)"', "--hook-timeout", "0.2") == 4
    assert "was stopped after 0.2 s without an end" in capsys.readouterr().err
    assert forecast(two, *ask, "no-such-program-of-mine") == 4
    assert "cannot be started" in capsys.readouterr().err
    assert forecast(two, *ask, "'") == 4
    assert forecast(two, *ask, keep) == 3  # told again, since nobody was told before
    changed = json.loads(message.read_text())["changed"]
    assert all(change["changed"] and change["previous_position"] == 0 for change in changed)
    message.unlink()
    assert forecast(two, *ask, keep) == 3
    assert not message.exists()


def test_a_program_is_told_of_corrected_orders_again_and_of_the_same_ones_once(two, capsys):
    messages = two / "messages.jsonl"
    keep = f"{sys.executable} -c \"import sys; open({str(messages)!r}, 'a').write(sys.stdin.read() + chr(10))\""

    def orders(*arguments):
        """Of each symbol that the program is told of, shares and order; None where it is not told at all."""
        messages.unlink(missing_ok=True)
        assert forecast(two, "signal", "--all", "--offline", *arguments, "--on-change", keep) == 3
        if not messages.exists():
            return None
        (line,) = messages.read_text().splitlines()
        return {change["symbol"]: (change.get("shares"), change.get("order")) for change in json.loads(line)["changed"]}

    changed = orders()
    assert set(changed.values()) == {(None, None)}
    small = orders("--cash", "10000")
    assert small == {symbol: (shares, shares) for symbol, (shares, _) in small.items()}
    assert all(shares for shares, _ in small.values())
    assert orders("--cash", "10000") is None
    assert orders() is None
    large = orders("--cash", "1e6")
    assert all(abs(large[symbol][0]) > 50 * abs(shares) for symbol, (shares, _) in small.items())
    assert orders("--cash", "1e6") is None
    assert orders("--cash", "10000") == small  # corrected back: what stands is told
    assert orders("--cash", "0.01") == dict.fromkeys(small, (0, 0))  # no share at all: the orders are withdrawn
    assert orders("--cash", "0.01") is None
    before = Journal(two / "data" / "live").read()
    assert orders("--cash", "500", "--policy", "long-flat") == orders("--cash", "500", "--policy", "long-flat")
    assert Journal(two / "data" / "live").read() == before  # of other rules than the live ones nothing is kept
    capsys.readouterr()


def test_a_clock_that_was_set_back_and_a_cut_journal_are_said(two, capsys):
    assert forecast(two, "signal", "--all", "--offline") == 3
    journal = two / "data" / "live" / "journal.jsonl"
    lines = journal.read_text().splitlines()
    later = {**json.loads(lines[0]), "recorded_at": "2999-01-01T00:00:00Z", "decided_at": "2003-01-02T21:00:00Z"}
    journal.write_text("\n".join([*lines, json.dumps(later), '{"event": "sig']))
    capsys.readouterr()
    assert forecast(two, "signal", "--all", "--offline") == 3
    errors = capsys.readouterr().err
    assert "1 line of the journal cannot be read (line 4): cut short or changed. The others stand." in errors
    assert "earlier than the newest signal of the journal (2999-01-01T00:00:00Z). Check the clock" in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["live", "add", "nothing"], "Expected the name of a run, a symbol with a finished run, or latest"),
        (["live", "add", "IBM", "--model", "lstn"], "Did you mean lstm?"),
        (["live", "add", "IBM", "--backtest", "other"], "got 'other'"),
        (["live", "ad", "IBM"], "Did you mean add?"),
        (["live", "remove", "MSFT"], "Expected one run of the live set"),
        (["signal", "--changed"], "--changed goes with --all."),
        (["signal", "--all", "--csv", "--json"], "Expected --csv or --json, got both."),
        (["signal", "--all", "--cash", "0"], "0.0 is not in the range"),
        (["signal", "--all", "--cash", "nan"], "Expected a finite number, got nan"),
        (["signal", "--all", "--hook-timeout", "inf"], "Expected a finite number, got inf"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(live_folder, capsys, arguments, message):
    capsys.readouterr()
    before = live.read_live(live_folder / "data" / "live")
    assert forecast(live_folder, *arguments) == 2
    assert message in only_line(capsys.readouterr().err)
    assert live.read_live(live_folder / "data" / "live") == before
    assert Journal(live_folder / "data" / "live").read().entries == ()
