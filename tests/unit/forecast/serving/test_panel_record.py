"""The account that follows a panel's rankings, against the rows of the backtest that gave the same shares."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecast.config.trading import Costs, TradingConfig
from forecast.evaluation.panel.backtest import evaluate_panel
from forecast.runs.integrity import open_trained
from forecast.serving.evening import held_shares
from forecast.serving.journal import GivenName, GivenSignal, Journal, JournalEntry
from forecast.serving.panel_record import panel_ledger, panel_record
from forecast.trading.signals import ENSEMBLE
from tests.helpers.panel_runs import panel_bars, panel_run

RULES = TradingConfig(policy="top-bottom:1", costs=Costs(fee_bps=1, slippage_bps=2))
SYMBOLS = ("AAA", "BBB", "CCC", "DDD")


@pytest.fixture(scope="module")
def backtest(tmp_path_factory):
    """A panel of which one symbol ends early, with its backtest."""
    folder = tmp_path_factory.mktemp("panel")
    prices = {symbol: panel_bars(symbol, bars=250 if symbol != "DDD" else 230) for symbol in SYMBOLS}
    run, dataset = panel_run(
        folder / "runs", folder / "scratch", prices=prices, edge={"lstm": 0.2, "simple_rnn": 0.0}, seeds=1, baselines=()
    )
    return run, dataset, prices, evaluate_panel(run, rules=RULES)


def evening(signals: pd.DataFrame, day: pd.Timestamp, *, minutes_late: int = 0) -> JournalEntry:
    """The backtest's decisions of a day as a ranking that was given then."""
    rows = signals[signals["decided_at"] == day].pivot(
        index="symbol", columns="model", values=["probability", "target"]
    )
    closed = day.isoformat().replace("+00:00", "Z")
    names = [
        GivenName(
            symbol=symbol, decided_at=closed, price=10.0,
            signals=tuple(
                GivenSignal(
                    model=model, signal="keep", probability=row["probability", model], position=row["target", model]
                )
                for model in ("lstm", "simple_rnn")
            ),
        )
        for symbol, row in rows.iterrows()
    ]  # fmt: skip
    return JournalEntry(
        recorded_at=(day + pd.Timedelta(minutes=minutes_late)).isoformat().replace("+00:00", "Z"),
        run="PANEL-1d-0123456789", symbol="PANEL",
        model="lstm", backtest=RULES.name, rules=RULES.to_json(), decided_at=closed, price=0.0, names=tuple(names),
    )  # fmt: skip


def days_of(backtest) -> list[pd.Timestamp]:
    signals = backtest.signals[backtest.signals["model"] == "lstm"]
    return sorted(signals["decided_at"].unique())[-60:]


def test_an_account_that_follows_the_rankings_has_the_rows_of_the_backtest(backtest, tmp_path):
    run, _, prices, saved = backtest
    days = days_of(saved)
    entries = [evening(saved.signals, day) for number, day in enumerate(days) if number != 30]
    journal = Journal(tmp_path)
    journal.record(entries)
    page = journal.read()
    assert page.of(run.name) == entries  # written and read again, to the last digit
    account = panel_ledger(page.of(run.name), prices, rules=RULES, described=run.describe())
    ledger = saved.ledger[(saved.ledger["model"] == "lstm") & (saved.ledger["member"] == ENSEMBLE)].set_index("time")
    times = pd.DatetimeIndex(account.ledger.time[:-1]).tz_localize("UTC")
    followed = account.journalled & np.append(False, account.journalled[:-1])
    followed &= times < ledger.index[-1]  # where all is sold, the backtest ends
    assert followed.sum() >= 55
    for column in ("position", "gross_return", "cost", "net_return"):
        live = getattr(account.ledger, column)[:-1][followed]
        assert live == pytest.approx(ledger.loc[times[followed], column].to_numpy(), abs=1e-15), column
    assert (ledger.loc[times[followed], "position"] > 0).any()
    assert not account.journalled[30]
    record = panel_record(run, open_trained(run).ongoing, entries, prices, rules=RULES)
    assert (record.given, record.late) == (59, 0)
    assert record.drift.observations == 59
    assert record.missed >= 1
    assert held_shares(entries)["AAA"] == entries[-1].names[0].traded("lstm").position


def test_a_ranking_that_came_too_late_is_filled_at_the_open_that_it_could_reach(backtest):
    run, _, prices, saved = backtest
    day = days_of(saved)[0]
    on_time, late = (
        panel_ledger(
            [evening(saved.signals, day, minutes_late=minutes)], prices, rules=RULES, described=run.describe()
        ).ledger
        for minutes in (5, 1200)
    )  # fmt: skip
    assert pd.Timestamp(on_time.time[0], tz="UTC") == day  # these bars open at the close before them
    assert pd.Timestamp(late.time[0], tz="UTC") == day + pd.Timedelta(days=1)


def test_a_name_that_left_is_sold_and_one_that_is_not_ranked_is_kept(backtest):
    run, _, prices, saved = backtest
    first, second = days_of(saved)[:2]
    rules = replace(RULES, policy="top:4")
    bought = replace(
        evening(saved.signals, first),
        names=tuple(
            replace(name, signals=tuple(replace(signal, position=0.5) for signal in name.signals))
            for name in evening(saved.signals, first).names
            if name.symbol in ("AAA", "BBB")
        ),
    )
    alone = replace(
        bought, names=bought.names[:1], left=("BBB",), decided_at=second.isoformat(), recorded_at=second.isoformat()
    )
    alone = replace(alone, names=(replace(alone.names[0], decided_at=second.isoformat().replace("+00:00", "Z")),))
    alone = replace(alone, **dict.fromkeys(("decided_at", "recorded_at"), alone.names[0].decided_at))
    unranked = replace(alone, left=())
    for entry, position in ((alone, 0.5), (unranked, 1.0)):
        ledger = panel_ledger([bought, entry], prices, rules=rules, described=run.describe()).ledger
        assert ledger.position[:2] == pytest.approx([1.0, position])
