"""From a run's files to a saved backtest: what it holds, what it says, and what its certificate catches."""

import json

import numpy as np
import pandas as pd
import pytest

from forecast.config.trading import Costs, TradingConfig
from forecast.evaluation.backtest import evaluate
from forecast.evaluation.lookahead_audit import certify_fills
from forecast.report import write_report
from forecast.report.sections.notes import trading_notes
from forecast.runs.io import write_json, write_parquet
from forecast.runs.run import Run
from forecast.statistics.verdict import Verdict
from forecast.trading import strategy
from forecast.trading.strategy import accounts
from pipelines.errors import ConfigError, RunError
from tests.helpers.trading_fixtures import tradable_run

CHOOSING = {"threshold": "auto", "calibration": "temperature", "sizing": "kelly", "max_leverage": 2.0}


def rules(**more):
    return TradingConfig(**{"policy": "long-flat", "threshold": 0.0, "costs": Costs(fee_bps=1, slippage_bps=2)} | more)


def certified(run, trading):
    """The certificate of a backtest, without its statistics."""
    predictions, bars = run.predictions(), run.bars()
    options = {"rules": trading, "validation": run.validation() if trading.learns else None, "bars_per_year": 252.0}
    result = strategy.accounts(predictions, bars, **options)
    return certify_fills(run.certificate(), result, predictions, bars, **options)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return tradable_run(tmp_path_factory.mktemp("runs"), bars=1000, seeds=2, folds=3)


@pytest.fixture
def run(saved, tmp_path):
    """A copy, to be changed."""
    import shutil

    return Run(shutil.copytree(saved.folder, tmp_path / saved.name))


def test_a_backtest_without_choices_keeps_the_name_and_config_it_always_had(run):
    backtest = evaluate(run, rules=rules(costs=Costs(fee_bps=1.0, slippage_bps=2.0)))
    assert backtest.name == "long-flat_band-0.0_fee-1.0_slippage-2.0"
    assert backtest.config == {"policy": "long-flat", "band": 0.0, "fee_bps": 1.0, "slippage_bps": 2.0}
    assert backtest.metrics["trading"]["choices"] == []


def test_every_ledger_adds_up_from_its_signals_and_bars(run):
    costs = Costs(fee_bps=3, slippage_bps=4, half_spread_bps=2, borrow_rate=0.1, financing_rate=0.2)
    backtest = evaluate(run, rules=rules(policy="long-short", costs=costs, sizing="volatility", max_leverage=3.0))
    bars = run.bars()
    opened, opens = bars["opened_at"].tolist(), bars["open"].tolist()
    assert len(backtest.signals.groupby(["model", "member"])) == 2 * 3
    for (model, member), signals in backtest.signals.groupby(["model", "member"]):
        ledger = backtest.ledger[(backtest.ledger["model"] == model) & (backtest.ledger["member"] == member)]
        drifted = 0.0
        for row, target in zip(ledger.itertuples(), [*signals["target"], 0.0], strict=True):
            bar = opened.index(row.time)
            last = row.Index == ledger.index[-1]
            move = 0.0 if last else opens[bar + 1] / opens[bar] - 1
            days = 0.0 if last else (opened[bar + 1] - opened[bar]).total_seconds() / 86_400
            interest = (0.1 * max(-target, 0) + 0.2 * max(target - 1, 0)) * days / 365
            traded = target - drifted
            assert row.position == target
            assert row.traded == pytest.approx(traded, abs=1e-12)
            assert row.cost == pytest.approx(abs(traded) * 9 / 10_000, abs=1e-15)
            assert row.gross_return == pytest.approx(target * move, abs=1e-15)
            assert row.financing == pytest.approx(interest, abs=1e-15)
            growth = 1 + row.gross_return - row.financing
            assert row.net_return == pytest.approx((1 - row.cost) * growth - 1, abs=1e-15)
            drifted = target * (1 + move) / growth


def test_the_trades_of_a_saved_backtest_add_up_to_its_accounts_and_metrics(run):
    backtest = evaluate(run, rules=rules(policy="long-short", costs=Costs(fee_bps=3, slippage_bps=4, borrow_rate=0.1)))
    saved = run.backtest(backtest.name)
    pd.testing.assert_frame_equal(saved.trades, backtest.trades)
    opens = run.bars().set_index("opened_at")["open"]
    assert (saved.trades["entry_price"].to_numpy() == opens[saved.trades["entry_at"]].to_numpy()).all()
    assert (saved.trades["exit_price"].to_numpy() == opens[saved.trades["exit_at"]].to_numpy()).all()
    trades = dict(list(saved.trades.groupby(["model", "member"])))
    for name, rows in saved.ledger.groupby(["model", "member"]):
        returns = trades[name]["net_return"] if name in trades else np.zeros(0)
        assert np.prod(1 + returns) == pytest.approx(np.prod(1 + rows["net_return"]), abs=1e-12)
    of_lstm, metrics = trades["lstm", "ensemble"], backtest.metrics["performance"]["lstm"]["ensemble"]
    assert metrics["trades"] == len(of_lstm)
    assert metrics["hit_rate"] == (of_lstm["net_return"] > 0).mean()


def test_volatility_sizes_follow_from_the_closes_before_the_decision(run):
    backtest = evaluate(run, rules=rules(sizing="volatility", target_volatility=0.15, max_leverage=1.5))
    signals = backtest.signals[(backtest.signals["model"] == "lstm") & (backtest.signals["member"] == "ensemble")]
    close = run.bars().set_index("closed_at")["close"]
    moves = np.log(close / close.shift())
    for row in signals.iloc[[0, 100, -1]].itertuples():
        past = moves[: row.decided_at].iloc[-60:]
        expected = min(0.15 / np.sqrt(252 * np.mean(past**2)), 1.5) if row.signal == "buy" else 0.0
        assert row.target == pytest.approx(expected, rel=1e-9)
    hold = backtest.ledger[backtest.ledger["model"] == "buy_and_hold"]
    assert 0.3 < hold["position"].iloc[:-1].min() < hold["position"].max() <= 1.5  # sized like every other buy


def test_choices_are_in_metrics_config_and_sentences(run):
    backtest = evaluate(run, rules=rules(**CHOOSING))
    choices = backtest.metrics["trading"]["choices"]
    assert len(choices) == 2 * 3 * 3  # models, members, folds
    lstm = [choice["band"] for choice in choices if (choice["model"], choice["member"]) == ("lstm", "ensemble")]
    assert backtest.config["chosen_bands"]["lstm"] == lstm
    chosen = f"the LSTM {', '.join(f'{band:g}' for band in lstm)}"
    assert any(chosen in text for text in trading_notes(backtest.metrics["trading"]))
    assert all(choice["calibration"] == "temperature" and choice["rows"] > 50 for choice in choices)
    assert json.loads((run.folder / "backtests" / backtest.name / "config.json").read_text())["chosen_bands"]
    assert backtest.signals["target"].between(0, 2).all()


def test_honest_choices_pass_the_certificate_and_more_is_compared(run):
    plain = certified(run, rules())
    chosen = certified(run, rules(**CHOOSING))
    assert plain["passed"], plain["failures"]
    assert chosen["passed"], chosen["failures"]
    assert chosen["compared"] > plain["compared"]


def leaky(honest):
    def chosen(predictions, bars, *, validation, **more):
        return honest(predictions, bars, validation=pd.concat([validation, predictions]), **more)

    return chosen


def test_a_threshold_from_test_rows_is_caught(run, monkeypatch):
    monkeypatch.setattr(strategy, "accounts", leaky(accounts))
    certificate = certified(run, rules(threshold="auto"))
    assert not certificate["passed"]
    assert any("bands of fold" in failure and "scrambled" in failure for failure in certificate["failures"])


@pytest.mark.parametrize("kind", ["temperature", "isotonic"])
def test_a_calibration_from_test_rows_is_caught(run, monkeypatch, kind):
    monkeypatch.setattr(strategy, "accounts", leaky(accounts))
    certificate = certified(run, rules(calibration=kind))
    assert any("calibrations of fold" in failure for failure in certificate["failures"])


def test_a_validation_file_that_holds_test_rows_is_caught(run):
    write_parquet(run.folder / "validation.parquet", run.predictions())
    certificate = certified(run, rules(threshold="auto"))
    assert any("is known too late for what is chosen on it" in failure for failure in certificate["failures"])


def test_a_size_that_knows_the_next_bar_is_caught(run, monkeypatch):
    from forecast.trading import market_state

    honest = market_state.trailing_volatility
    monkeypatch.setattr(market_state, "trailing_volatility", lambda close, **more: np.roll(honest(close, **more), -2))
    certificate = certified(run, rules(sizing="volatility"))
    assert any("targets before those of fold" in failure for failure in certificate["failures"])


def test_nothing_is_traded_at_an_open_without_volume_and_that_is_said(run):
    bars = run.bars()
    row = bars.index[bars["opened_at"] == run.predictions()["entry_at"].iloc[0]][0]
    bars.loc[row : row + 40, "volume"] = 0.0
    write_parquet(run.folder / "bars.parquet", bars)
    backtest = evaluate(run, rules=rules())
    silent = backtest.ledger[backtest.ledger["time"] <= bars["opened_at"][row + 40]]
    assert not silent["position"].any()
    assert not silent["traded"].any()
    assert backtest.metrics["trading"]["bars_without_volume"] == 41
    assert any("No volume in 41 bars" in note for note in trading_notes(backtest.metrics["trading"]))
    assert backtest.metrics["certificate"]["passed"]


def test_a_source_without_any_volume_says_nothing_about_trading(run):
    write_parquet(run.folder / "bars.parquet", run.bars().assign(volume=0.0))
    backtest = evaluate(run, rules=rules())
    assert backtest.metrics["trading"]["bars_without_volume"] == 0
    assert backtest.ledger["traded"].abs().sum() > 10


def test_ruin_is_said_and_an_account_never_falls_below_zero(run):
    backtest = evaluate(run, rules=rules(costs=Costs(fee_bps=9_000, slippage_bps=2_000)))
    assert set(backtest.metrics["trading"]["ruined"]) >= {"lstm", "simple_rnn", "buy_and_hold"}
    assert any(note.startswith("The LSTM lost everything on 20") for note in trading_notes(backtest.metrics["trading"]))
    assert backtest.ledger["net_return"].min() == -1.0
    assert backtest.metrics["performance"]["lstm"]["ensemble"]["total_return"] == -1.0
    assert backtest.metrics["certificate"]["passed"]


def test_a_model_that_never_trades_is_said_to_and_tells_nothing(run):
    backtest = evaluate(run, rules=rules(threshold=0.49))
    assert "The LSTM and the SimpleRNN never held a position." in trading_notes(backtest.metrics["trading"])
    assert backtest.metrics["verdict"]["money"] == "inconclusive"
    money = Verdict.from_json(backtest.metrics["verdict"]).of("money")
    assert {comparison.reason for comparison in money if comparison.benchmark != "previous_sign"} == {"never_traded"}
    assert not backtest.ledger[backtest.ledger["model"] == "lstm"]["cost"].any()


def test_a_run_without_validation_rows_is_one_clear_line(run):
    (run.folder / "validation.parquet").unlink()
    for needed in (rules(), rules(threshold="auto")):
        with pytest.raises(RunError, match=r"validation\.parquet of run folder .* is missing\. Train it again"):
            evaluate(run, rules=needed)
    with pytest.raises(ConfigError, match="Expected validation rows for calibration"):
        accounts(run.predictions(), run.bars(), rules=rules(threshold="auto"))


def test_validation_rows_that_lack_a_fold_are_one_clear_line(run):
    rows = run.validation()
    write_parquet(run.folder / "validation.parquet", rows[rows["fold"] > 0])
    with pytest.raises(RunError, match=r"validation\.parquet lacks rows of"):
        evaluate(run, rules=rules(threshold="auto"))


def test_a_spread_cannot_be_estimated_from_bars_that_no_trades_made(run):
    with pytest.raises(ConfigError, match="Expected bars built from trades to estimate the spread from, got 1d bars"):
        evaluate(run, rules=rules(spread="bars"))


def test_an_estimated_spread_is_paid_on_what_is_traded(run):
    described = run.describe()
    described["config"]["bars"] = "tick:500"
    write_json(run.folder / "run.json", described)
    bars = run.bars()
    bars["closed_at"] = bars["opened_at"].shift(-1).fillna(bars["closed_at"].iloc[-1])  # one bar after another
    write_parquet(run.folder / "bars.parquet", bars)
    backtest = evaluate(run, rules=rules(spread="bars"))
    assert backtest.metrics["trading"]["half_spread_bps"] >= 0
    traded = backtest.ledger[backtest.ledger["traded"].abs() > 1e-9]
    assert (traded["cost"] >= traded["traded"].abs() * 3 / 10_000 - 1e-15).all()
    assert (traded["cost"] > traded["traded"].abs() * 3 / 10_000 + 1e-9).any()


def test_a_spread_is_not_guessed_where_earlier_bars_are_too_few(run):
    bars = run.bars()
    rows = run.predictions()
    first = bars.index[bars["opened_at"] == rows["entry_at"].iloc[0]][0]
    with pytest.raises(ConfigError, match="Expected 100 pairs of neighbouring bars before the first trade"):
        accounts(rows, bars.iloc[first - 50 :].reset_index(drop=True), rules=rules(spread="bars"))


def constant(run):
    bars = run.bars()
    bars[["open", "high", "low", "close"]] = 100.0
    write_parquet(run.folder / "bars.parquet", bars)
    for name, rows in (("predictions", run.predictions()), ("validation", run.validation())):
        still = rows.assign(target=np.int8(0), forward_return=0.0)
        write_parquet(run.folder / f"{name}.parquet", still)


def test_constant_prices_lose_what_is_paid_and_tell_nothing(run):
    constant(run)
    backtest = evaluate(run, rules=rules(sizing="volatility", max_leverage=1.5))
    buy_and_hold = backtest.ledger[backtest.ledger["model"] == "buy_and_hold"]["position"]
    assert set(buy_and_hold.iloc[:-1]) == {1.5}  # no volatility: the most that is allowed
    assert not backtest.ledger["gross_return"].any()
    assert backtest.metrics["performance"]["buy_and_hold"]["ensemble"]["total_return"] == pytest.approx(
        (1 - 0.00045) ** 2 - 1
    )
    assert backtest.metrics["performance"]["cash"]["ensemble"]["sharpe"] is None


def test_constant_prices_choose_to_stand_aside_and_say_why(run):
    constant(run)
    backtest = evaluate(run, rules=rules(**CHOOSING))
    assert not backtest.signals["target"].any()
    assert (backtest.metrics["verdict"]["skill"], backtest.metrics["verdict"]["money"]) == (
        "inconclusive",
        "inconclusive",
    )
    notes = " ".join(trading_notes(backtest.metrics["trading"]))
    assert "validation rows of one class only: not calibrated" in notes
    assert "Kelly's fraction is not known, nothing is held" in notes
    assert "The LSTM and the SimpleRNN never held a position." in notes


def test_a_single_seed_is_traded_alone_and_its_spread_is_not_made_up(tmp_path):
    backtest = evaluate(tradable_run(tmp_path, bars=500, folds=2, seeds=1), rules=rules(**CHOOSING))
    one, mean = (
        backtest.ledger[(backtest.ledger["model"] == "lstm") & (backtest.ledger["member"] == member)]
        for member in ("0", "ensemble")
    )
    np.testing.assert_array_equal(one["net_return"], mean["net_return"])
    assert backtest.metrics["performance"]["lstm"]["spread"]["total_return"]["std"] is None
    assert {
        comparison["reason"]
        for comparison in backtest.metrics["verdict"]["comparisons"]
        if comparison["question"] == "skill"
    } == {"single_seed"}


def test_paths_of_a_combinatorial_run_are_traded_but_nothing_is_chosen_on_rows_that_come_later(run, tmp_path):
    described = run.describe()
    described["config"]["split"] = "combinatorial"
    write_json(run.folder / "run.json", described)
    rows = run.predictions()
    write_parquet(run.folder / "predictions.parquet", rows.assign(fold=(rows["fold"] + rows["seed"]) % 3))
    backtest = evaluate(run, rules=rules())
    assert (backtest.metrics["verdict"]["status"], backtest.metrics["verdict"]["skill"]) == ("combinatorial", None)
    assert backtest.metrics["certificate"]["passed"], backtest.metrics["certificate"]["failures"]
    assert write_report(run, backtest=backtest.name, folder=tmp_path).exists()
    with pytest.raises(ConfigError, match="Expected split expanding or rolling for calibration"):
        evaluate(run, rules=rules(calibration="isotonic"))


def test_the_report_shows_choices_interest_and_both_reliabilities(run, tmp_path):
    described = run.describe()
    described["config"]["horizon"] = 5
    write_json(run.folder / "run.json", described)
    costs = Costs(fee_bps=1, slippage_bps=2, half_spread_bps=1, borrow_rate=0.03)
    backtest = evaluate(run, rules=rules(threshold="auto", calibration="isotonic", policy="long-short", costs=costs))
    html = write_report(run, backtest=backtest.name, folder=tmp_path).read_text()
    assert "Thresholds chosen on the validation rows of each fold" in html
    assert "paying 4 basis points, 3.0" in html.replace("\u00a0", " ")
    assert "LSTM, calibrated" in html
    assert "are asked again at every close" in html
    assert (
        "--threshold auto --fee-bps 1 --slippage-bps 2 --half-spread-bps 1 --borrow-rate 0.03 --calibration isotonic"
        in html
    )
    assert "Interest paid, sum" in html


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"calibration": "platt"}, "Expected calibration out of none, temperature, isotonic, got 'platt'"),
        ({"sizing": "half"}, "Expected sizing out of full, volatility, kelly, got 'half'"),
        ({"max_leverage": 0.0}, "Expected max_leverage as a number above 0 to 20, got 0"),
        ({"target_volatility": float("nan")}, "Expected target_volatility as a number above 0"),
        ({"kelly_fraction": 1.5}, "Expected kelly_fraction as a number above 0 to 1, got 1.5"),
    ],
)
def test_impossible_rules_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        rules(**options)


@pytest.mark.parametrize("horizon", [1, 5])
def test_a_delisting_at_nothing_is_lost_whole_though_its_last_bars_have_no_label(run, horizon):
    """The last bar opens at a ten-thousandth: who holds at the last decision loses all but that."""
    rows, bars = run.predictions(), run.bars()
    last = int(bars["opened_at"].searchsorted(rows["entry_at"].max())) + 1
    bars = bars.head(last + 1)
    bars.loc[last, ["open", "high", "low", "close"]] = bars["open"].iloc[last - 1] * 1e-4
    write_parquet(run.folder / "bars.parquet", bars)
    rows = rows[rows["entry_at"] <= bars["opened_at"].iloc[last - horizon]]
    write_parquet(
        run.folder / "predictions.parquet", rows.assign(probability=np.where(rows["model"] == "lstm", 0.9, 0.1))
    )
    described = json.loads((run.folder / "run.json").read_text())
    described["config"]["horizon"] = horizon
    write_json(run.folder / "run.json", described)
    backtest = evaluate(run, rules=rules(costs=Costs(fee_bps=0, slippage_bps=0)))
    of = {
        name: ledger.set_index("time")
        for name, ledger in backtest.ledger[backtest.ledger["member"] == "ensemble"].groupby("model")
    }
    crash = bars["opened_at"].iloc[last - 1]
    assert of["lstm"]["net_return"][crash] == of["buy_and_hold"]["net_return"][crash] == pytest.approx(1e-4 - 1)
    assert of["simple_rnn"]["net_return"][crash] == 0.0
    assert of["lstm"].index[-1] == bars["opened_at"].iloc[last]
    assert len(backtest.signals) == 2 * 3 * rows["decided_at"].nunique()  # no decision is made up
    assert backtest.metrics["certificate"]["passed"]
