"""Several runs as one account: by hand, against cash and shares, and with symbols that end or pause."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.__main__ import run as command_line
from forecast.config.trading import Costs, TradingConfig
from forecast.evaluation.backtest import traded_accounts
from forecast.evaluation.portfolio import join, list_portfolios, load, save
from forecast.report.sections.notes import trading_notes
from forecast.runs.io import write_json, write_parquet
from pipelines.errors import ConfigError, RunError
from tests.helpers.reference_backtest import keep_book
from tests.helpers.report_fixtures import build_run
from tests.helpers.trading_fixtures import tradable_run

RULES = TradingConfig(
    policy="long-short", threshold=0.0,
    costs=Costs(fee_bps=3, slippage_bps=4, borrow_rate=0.1, financing_rate=0.1),
)  # fmt: skip


def make(folder, symbol, seed, **more):
    options = {"bars": 500, "folds": 2, "seeds": 1, "backtest": None} | more
    return build_run(folder, name=f"{symbol}-1d-000000000{seed}", symbol=symbol, rng_seed=seed, **options)


@pytest.fixture
def runs(tmp_path):
    """AAPL on all days; MSFT, which has no bar on two of them; IBM, which ends early."""
    aapl, msft, ibm = (make(tmp_path, name, seed) for seed, name in enumerate(("AAPL", "MSFT", "IBM")))
    _drop(msft, [60, 61])
    _end(ibm, 100)
    return aapl, msft, ibm


def _drop(run, tested):
    """The run as if some of its tested bars had never been."""
    rows, bars = run.predictions(), run.bars()
    gone = rows["decided_at"].drop_duplicates().iloc[tested]
    bars = bars[~bars["closed_at"].isin(gone)].reset_index(drop=True)
    rows = rows[~rows["decided_at"].isin(gone)]
    at = bars["closed_at"].searchsorted(rows["decided_at"])
    rows = rows.assign(entry_at=bars["opened_at"].to_numpy()[at + 1], exit_at=bars["opened_at"].to_numpy()[at + 2])
    write_parquet(run.folder / "bars.parquet", bars)
    write_parquet(run.folder / "predictions.parquet", rows)


def _end(run, tested):
    """The run as if its symbol had been delisted after so many tested bars."""
    rows, bars = run.predictions(), run.bars()
    last = rows["decided_at"].drop_duplicates().iloc[tested]
    write_parquet(run.folder / "bars.parquet", bars[bars["closed_at"] <= last + pd.Timedelta("4D")])
    write_parquet(run.folder / "predictions.parquet", rows[rows["decided_at"] <= last - pd.Timedelta("4D")])


def of(frame, **chosen):
    for name, value in chosen.items():
        frame = frame[frame[name] == value]
    return frame


@pytest.mark.parametrize("weighting", ["equal", "inverse-volatility"])
def test_a_portfolio_agrees_with_cash_and_shares(runs, weighting):
    portfolio = join(runs, rules=RULES, weighting=weighting)
    alone = [traded_accounts(run, rules=RULES) for run in runs]
    ledger = of(portfolio.ledger, model="lstm", member="ensemble")
    times = ledger["time"].tolist()
    assert len(times) > 200
    opens, targets, tradable = [], [], []
    for number, accounts in enumerate(alone):
        row = [(one.model, one.member) for one in accounts.ledgers].index(("lstm", "ensemble"))
        bar_of = dict(zip(pd.DatetimeIndex(accounts.market.opened_at).tz_localize("UTC"), range(10_000), strict=False))
        share = of(portfolio.holdings, model="lstm", member="ensemble", symbol=("AAPL", "MSFT", "IBM")[number])["share"]
        price, weighted, able, target = [], [], [], 0.0
        for at, part in zip(times, share, strict=True):
            if at in bar_of and bar_of[at] < len(accounts.market.opens) - 1:
                target = accounts.targets[row, bar_of[at]]
            elif at in bar_of:
                target = 0.0
            price.append(accounts.market.opens[bar_of[at]] if at in bar_of else price[-1])
            weighted.append(target * part)
            able.append(at in bar_of)
        opens.append(price)
        targets.append(weighted[:-1])
        tradable.append(able)
    book = keep_book(
        times=times, opens=opens, targets=targets, rates=[[7e-4] * len(times)] * 3, tradable=tradable, borrow=0.1,
        financing=0.1,
    )  # fmt: skip
    np.testing.assert_allclose(np.cumprod(1 + ledger["net_return"]), book.equity, rtol=1e-12)
    np.testing.assert_allclose(ledger["cost"], book.paid, atol=1e-13)
    for member, performance in {
        "ensemble": portfolio.metrics["performance"]["lstm"]["ensemble"],
        **portfolio.metrics["performance"]["lstm"]["seeds"],
    }.items():
        holdings = of(portfolio.holdings, model="lstm", member=member)
        sides = [np.sign(rows["position"].to_numpy()) for _, rows in holdings.groupby("symbol")]
        opened = sum(np.count_nonzero(side[(side != np.append(0, side[:-1]))]) for side in sides)
        assert performance["trades"] == opened > 3  # symbol by symbol: three symbols that are always held are three


def test_equal_shares_add_up_and_go_to_those_that_are_left(runs):
    portfolio = join(runs, rules=RULES, weighting="equal")
    table = of(portfolio.holdings, model="lstm", member="ensemble").pivot(
        index="time", columns="symbol", values="share"
    )
    assert set(np.round(table.iloc[:-1].sum(axis=1), 12)) == {1.0}
    end = table.index[np.flatnonzero(table["IBM"] == 0)[0]]
    assert table.loc[: end - pd.Timedelta("1h")].round(12).eq(round(1 / 3, 12)).all(axis=None)
    assert table.loc[end:, ["AAPL", "MSFT"]].iloc[:-1].eq(0.5).all(axis=None)
    notes = trading_notes(portfolio.metrics["trading"])
    assert any(f"IBM ends on {end:%Y-%m-%d}" in note for note in notes)
    assert portfolio.metrics["trading"]["untradable_opens"]["MSFT"] > 0
    assert any("could not be traded at some of" in note for note in notes)
    holdings = of(portfolio.holdings, symbol="IBM")
    assert not holdings.loc[holdings["time"] >= end, "position"].any()


def test_shares_by_volatility_follow_from_the_closes_before(runs):
    portfolio = join([runs[0], make(runs[0].folder.parent, "GE", 7)], rules=RULES, weighting="inverse-volatility")
    table = of(portfolio.holdings, model="lstm", member="ensemble").pivot(
        index="time", columns="symbol", values="share"
    )
    at = table.index[50]
    wild = {}
    for run in runs[0], make(runs[0].folder.parent, "GE", 7):
        bars = run.bars()
        moves = np.log(bars["close"]).diff()[bars["closed_at"] < at].iloc[-60:]
        wild[bars["symbol"].iloc[0]] = np.sqrt(np.mean(moves**2))
    assert table.loc[at, "AAPL"] == pytest.approx((1 / wild["AAPL"]) / (1 / wild["AAPL"] + 1 / wild["GE"]), rel=1e-9)


def test_holding_two_symbols_in_equal_parts_by_hand(tmp_path):
    pair = [make(tmp_path, "AAPL", 0), make(tmp_path, "MSFT", 1)]
    free = TradingConfig(policy="long-flat", threshold=0.0, costs=Costs(fee_bps=0, slippage_bps=0))
    portfolio = join(pair, rules=free, weighting="equal")
    hold = of(portfolio.ledger, model="buy_and_hold")
    opens = [run.bars().set_index("opened_at")["open"][hold["time"]].to_numpy() for run in pair]
    growth = np.prod(0.5 * opens[0][1:] / opens[0][:-1] + 0.5 * opens[1][1:] / opens[1][:-1])
    assert (1 + hold["net_return"]).prod() == pytest.approx(growth, rel=1e-12)
    paid = join(pair, rules=RULES, weighting="equal")
    assert of(paid.ledger, model="buy_and_hold")["cost"].iloc[1:-1].between(1e-9, 1e-4).all()  # rebalancing is paid for


@pytest.mark.parametrize("horizon", [1, 5])
def test_a_delisting_at_nothing_is_lost_though_its_last_bars_have_no_label(tmp_path, horizon):
    """IBM opens at a ten-thousandth on its last bar: of two symbols held in equal parts, a half is gone."""
    runs = [make(tmp_path, name, seed) for seed, name in enumerate(("AAPL", "IBM"))]
    rows, bars = runs[1].predictions(), runs[1].bars()
    last = int(bars["opened_at"].searchsorted(rows["entry_at"].drop_duplicates().iloc[100]))
    bars = bars.head(last + 1)
    bars.loc[last, ["open", "high", "low", "close"]] = bars["open"].iloc[last - 1] * 1e-4
    write_parquet(runs[1].folder / "bars.parquet", bars)
    write_parquet(
        runs[1].folder / "predictions.parquet", rows[rows["entry_at"] <= bars["opened_at"].iloc[last - horizon]]
    )
    described = json.loads((runs[1].folder / "run.json").read_text())
    described["config"]["horizon"] = horizon
    write_json(runs[1].folder / "run.json", described)
    portfolio = join(runs, rules=TradingConfig(costs=Costs(fee_bps=0, slippage_bps=0)), weighting="equal")
    buy_and_hold = of(portfolio.ledger, model="buy_and_hold").set_index("time")["net_return"]
    assert buy_and_hold[bars["opened_at"].iloc[last - 1]] == pytest.approx(-0.5, abs=0.02)
    assert portfolio.metrics["trading"]["ended"] == {"IBM": f"{bars['opened_at'].iloc[last]:%Y-%m-%d}"}


def test_the_past_of_a_portfolio_needs_no_later_bar(tmp_path):
    pair = [make(tmp_path, "AAPL", 0), make(tmp_path, "MSFT", 1)]
    portfolio = join(pair, rules=RULES, weighting="inverse-volatility")
    bars = pair[1].bars()
    cut = portfolio.ledger["time"].iloc[120]
    later = bars["opened_at"] > cut
    bars[["open", "high", "low", "close"]] *= np.where(later, np.linspace(1, 3, len(bars)), 1.0)[:, None]
    write_parquet(pair[1].folder / "bars.parquet", bars)
    other = join(pair, rules=RULES, weighting="inverse-volatility")
    keep = portfolio.holdings["time"] <= cut
    pd.testing.assert_frame_equal(portfolio.holdings[keep], other.holdings[keep], check_exact=True)


def test_a_network_that_one_run_lacks_is_left_out_named_and_decides_no_caveat(tmp_path):
    pair = [make(tmp_path, "AAPL", 0), make(tmp_path, "MSFT", 1)]
    rows = pair[0].predictions()
    more = rows[rows["model"] == "lstm"].assign(model="gru", probability=lambda frame: 1.0 - frame["probability"])
    write_parquet(pair[0].folder / "predictions.parquet", pd.concat([rows, more], ignore_index=True))
    described = json.loads((pair[0].folder / "run.json").read_text())
    described["diverged"] = [{"model": "gru", "fold": 0, "seed": 0}]
    write_json(pair[0].folder / "run.json", described)
    joined = join(pair, rules=RULES, weighting="equal")
    assert "gru" not in set(joined.ledger["model"])
    assert joined.metrics["trading"]["left_out"] == {
        "gru": ["AAPL"],
        "same_exposure:gru": ["AAPL"],
    }
    assert "The GRU is left out: of the runs joined only AAPL has it." in trading_notes(joined.metrics["trading"])
    assert "gru" not in {caveat["subject"] for caveat in joined.metrics["verdict"]["caveats"]}
    assert "gru" not in joined.metrics["prediction"]
    for file in ("predictions.parquet", "validation.parquet"):
        rows = pd.read_parquet(pair[1].folder / file)
        write_parquet(pair[1].folder / file, rows.assign(model="other_" + rows["model"]))
    with pytest.raises(
        ConfigError, match="Expected a network that all runs of a portfolio have, got gru, lstm, simple_rnn"
    ):
        join(pair, rules=RULES, weighting="equal")


def test_a_portfolio_is_saved_compared_and_found_again(runs):
    portfolio = join(runs, rules=RULES, weighting="equal")
    folder = save(portfolio, runs=runs[0].folder.parent)
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json", "holdings.parquet", "ledger.parquet", "manifest.json", "metrics.json",
    ]  # fmt: skip
    assert list_portfolios(runs[0].folder.parent) == [portfolio.name]
    assert portfolio.name.startswith("AAPL+MSFT+IBM_equal_long-short_band-0.0_fee-3.0_slippage-4.0")
    again = load(runs[0].folder.parent, portfolio.name)
    pd.testing.assert_frame_equal(again.ledger, portfolio.ledger)
    pairs = [
        (comparison["question"], comparison["model"], comparison["benchmark"])
        for comparison in again.metrics["verdict"]["comparisons"]
    ]
    assert ("skill", "lstm", "simple_rnn") in pairs
    assert ("money", "lstm", "same_exposure") in pairs
    assert again.config["symbols"] == ["AAPL", "MSFT", "IBM"]
    (folder / "config.json").write_text("{}")
    with pytest.raises(RunError, match=r"config\.json .* was changed\. Expected sha256"):
        load(runs[0].folder.parent, portfolio.name)


def test_every_run_of_a_portfolio_is_audited_under_its_rules_and_a_leak_in_one_takes_the_verdict_away(tmp_path):
    rules = TradingConfig(threshold="auto")
    pair = [
        tradable_run(
            tmp_path, name=f"{symbol}-1d-000000000{seed}", symbol=symbol, rng_seed=seed, bars=500, folds=2, seeds=1
        )
        for seed, symbol in enumerate(("AAPL", "MSFT"))
    ]
    honest = join(pair, rules=rules, weighting="equal").metrics
    audits = honest["certificates"]
    assert list(audits) == [run.name for run in pair]
    assert all(
        audit["passed"] and audit["backtest"] == rules.name and audit["compared"] > 0 for audit in audits.values()
    )
    assert honest["verdict"]["comparisons"]
    write_parquet(pair[1].folder / "validation.parquet", pair[1].predictions())
    verdict = join(pair, rules=rules, weighting="equal").metrics["verdict"]
    assert verdict["status"] == "look_ahead"
    assert verdict["failures"]
    assert all(failure.startswith("MSFT: ") for failure in verdict["failures"])
    assert any("is known too late for what is chosen on it" in failure for failure in verdict["failures"])


def test_what_cannot_be_joined_is_one_clear_line(tmp_path):
    aapl = make(tmp_path, "AAPL", 0)
    with pytest.raises(ConfigError, match="Expected two symbols or more for a portfolio, each once, got AAPL, AAPL"):
        join([aapl, aapl], rules=RULES, weighting="equal")
    minutes = make(tmp_path, "MSFT", 1, interval="1m")
    with pytest.raises(
        ConfigError, match="Expected runs with bars of the same times for a portfolio, got 1d bars of XNYS"
    ):
        join([aapl, minutes], rules=RULES, weighting="equal")
    leaky = make(tmp_path, "GE", 3)
    (leaky.folder / "certificate.json").write_text(json.dumps({"passed": False}))
    with pytest.raises(
        ConfigError, match="Expected runs that look at no later bars for a portfolio, got GE-1d-0000000003"
    ):
        join([aapl, leaky], rules=RULES, weighting="equal")
    late = make(tmp_path, "IBM", 2, bars=2000)
    rows = late.predictions()
    write_parquet(late.folder / "predictions.parquet", rows[rows["fold"] == 1])
    with pytest.raises(
        ConfigError, match="Expected test rows of the same days, got none of AAPL when the last run begins"
    ):
        join([aapl, late], rules=RULES, weighting="equal")


def test_the_command_joins_runs_and_writes_a_page_that_the_index_lists(runs, tmp_path, capsys):
    place = tmp_path / "data" / "runs"
    place.mkdir(parents=True)
    for run in runs[:2]:
        run.folder.rename(place / run.folder.name)
    where = ["--data-dir", str(tmp_path / "data"), "--reports-dir", str(tmp_path / "reports"), "backtest"]
    assert command_line([*where, "AAPL", "MSFT", "--portfolio", "inverse-volatility", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    portfolio, families = answer["portfolio"], answer["families"]
    assert {family["runs"] for family in families} == {2}
    assert {member["symbol"] for family in families for member in family["members"]} == {"AAPL", "MSFT"}
    page, index = Path(portfolio["report"]).read_text(), (tmp_path / "reports" / "index.html").read_text()
    assert "Skill, LSTM against SimpleRNN: none of 2 verdicts claims a difference" in index
    assert f"Skill: {portfolio['verdict']['skill']}." in page
    assert "could not be traded at some of" in page
    assert Path(portfolio["report"]).name.replace("+", "%2B") in index
    assert "http" not in re.sub(r"<script>.*?</script>|http-equiv", "", page, flags=re.DOTALL)
    assert sum(portfolio["mean_share"].values()) == pytest.approx(1.0)
    assert command_line([*where, "AAPL", "--portfolio", "equal"]) == 2
    assert "Expected two symbols or more for --portfolio, got AAPL" in capsys.readouterr().err
