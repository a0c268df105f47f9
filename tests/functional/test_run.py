"""One small run through the real command line: what it leaves, what it answers, what survives an interruption."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest

from forecast.runs.catalog import open_run
from tests.helpers.checkpoint_files import reseal
from tests.helpers.command_line import SMALL, command_line, environment, forecast_here, only_line
from tests.helpers.signals import interruptible


@pytest.fixture
def copy(trained, tmp_path):
    """The trained folder, to be changed."""
    shutil.copytree(trained / "data", tmp_path / "data")
    return tmp_path


ONE_NETWORK = (
    "--folds", "2", "--window", "10", "--end", "2003-12-31", "--baseline", "previous_sign", "--model", "simple_rnn",
)  # fmt: skip


def newest(folder):
    return open_run(folder / "data" / "runs")


def test_a_run_holds_one_row_per_model_fold_seed_and_decision(trained):
    run = newest(trained)
    rows = run.predictions()
    assert list(rows) == [
        "symbol", "model", "fold", "seed", "decided_at", "entry_at", "exit_at",
        "probability", "target", "forward_return",
    ]  # fmt: skip
    assert not rows.duplicated(["model", "fold", "seed", "decided_at"]).any()
    assert set(rows["model"]) == {"simple_rnn", "lstm", "previous_sign", "logistic"}
    assert rows.groupby(["model", "seed"]).size().nunique() == 1
    assert rows["probability"].between(0, 1, inclusive="neither").all()
    assert (rows["target"] == (rows["forward_return"] > 0)).all()
    folds = run.describe()["folds"]
    for number, fold in enumerate(folds):
        tested = rows[rows["fold"] == number]["decided_at"]
        assert tested.min() == pd.Timestamp(fold["test"]["first"])
        assert pd.Timestamp(fold["train"]["last"]) < pd.Timestamp(fold["validation"]["first"])
        assert pd.Timestamp(fold["validation"]["last"]) < tested.min()


def test_labels_and_entries_of_a_run_follow_from_its_bars(trained):
    run = newest(trained)
    bars, rows = run.bars(), run.predictions()
    at = bars.set_index("closed_at").index.get_indexer(rows["decided_at"])
    opens = bars["open"].to_numpy()
    assert (bars["opened_at"].to_numpy()[at + 1] == rows["entry_at"].to_numpy()).all()
    assert (bars["opened_at"].to_numpy()[at + 2] == rows["exit_at"].to_numpy()).all()
    np.testing.assert_array_equal(rows["forward_return"], opens[at + 2] / opens[at + 1] - 1)


def test_the_run_says_how_many_parameters_each_network_has(trained):
    described = newest(trained).describe()
    # SimpleRNN: 4 units x (1 feature + 4 units + 1 bias) and a head of 4 + 1; LSTM: four gates of it and the head
    assert described["parameters"] == {"simple_rnn": 4 * 6 + 5, "lstm": 4 * 4 * 6 + 5}


def test_history_has_every_epoch_of_every_member_and_weights_lie_beside_their_description(trained):
    run = newest(trained)
    history = run.history()
    members = history.groupby(["model", "fold", "seed"])["epoch"]
    assert len(members) == 2 * 2 * 2
    assert (members.max() == members.size()).all()
    for model, fold, seed in members.groups:
        path = run.folder / "weights" / model / f"fold-{fold}" / f"seed-{seed}.weights.h5"
        description = json.loads(path.with_name(f"seed-{seed}.json").read_text())
        assert path.stat().st_size > 0
        assert description["architecture"].items() >= {"model": model, "steps": 10, "features": 1, "units": 4}.items()
        assert len(description["scaler"]["mean"]) == 1
    assert not list(run.folder.rglob("*.part"))


def test_a_finished_run_is_not_trained_twice(trained):
    before = (newest(trained).folder / "predictions.parquet").stat().st_mtime_ns
    with mock.patch("forecast.compute.executor.InlinePool.start", side_effect=AssertionError("no worker is needed")):
        done = forecast_here(trained)("train", "AAPL", *SMALL)
    assert (newest(trained).folder / "predictions.parquet").stat().st_mtime_ns == before
    assert newest(trained).name in done.stdout
    assert "TrainedWeights" not in done.stderr


def test_a_training_interrupted_and_then_killed_ends_as_one_in_another_place_within_one_process(copy):
    # another run than the finished one, with seconds of training left after the first member
    options = (*ONE_NETWORK, "--units", "5", "--seeds", "4", "--epochs", "60", "--patience", "0")
    before = _stopped(copy, (*options, "--jobs", "2"), how=signal.SIGINT, code=130)
    after = _stopped(copy, (*options, "--jobs", "1"), how=signal.SIGKILL, code=-9)
    assert after.items() >= before.items()
    done = forecast_here(copy)("train", "AAPL", *options)
    assert f"Resuming: {len(after)} of 10 members were finished before." in done.stderr
    assert newest(copy).finished
    assert len(newest(copy).history().groupby(["model", "fold", "seed"])) == 8
    again = forecast_here(copy / "elsewhere")
    (copy / "elsewhere").mkdir()
    again("fetch", "AAPL", "--source", "sample")
    again("train", "AAPL", *options)
    assert newest(copy / "elsewhere").name == newest(copy).name
    elsewhere, here = (newest(place).predictions() for place in (copy / "elsewhere", copy))
    pd.testing.assert_frame_equal(elsewhere, here, check_exact=True)


def _stopped(folder, options, *, how, code):
    """Trains until one more member is finished, sends the signal; the finished members with their times."""
    with interruptible():
        process = subprocess.Popen(
            command_line(folder, "train", "AAPL", *options),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            start_new_session=True,
        )
    runs = folder / "data" / "runs"
    before = len(list(runs.glob("*/members/*.npz")))
    while len(list(runs.glob("*/members/*.npz"))) == before and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(how)
    session = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and _session(int(pid)) == process.pid]
    _, errors = process.communicate()
    assert process.returncode == code, errors
    if how == signal.SIGINT:
        assert "the same command resumes there" in errors.strip().splitlines()[-1]
    while any(_alive(pid) for pid in session):  # pytest's own limit ends a process that stays for ever
        time.sleep(0.01)
    assert not list(runs.rglob("*.part"))
    finished = {path.name: path.stat().st_mtime_ns for path in runs.glob("*/members/*.npz")}
    assert len(finished) > before
    return finished


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_the_ledger_can_be_recomputed_by_hand_from_signals_and_bars(copy):
    forecast_here(copy)(
        "backtest", "--policy", "long-short", "--threshold", "0.01", "--fee-bps", "3", "--slippage-bps", "4"
    )
    run = newest(copy)
    name = run.backtests()[-1]
    saved, bars = run.backtest(name), run.bars()
    opened, opens = bars["opened_at"].tolist(), bars["open"].tolist()
    closed = bars["closed_at"].tolist()
    for (model, member), signals in saved.signals.groupby(["model", "member"]):
        ledger = saved.ledger[(saved.ledger.model == model) & (saved.ledger.member == member)]
        rows = iter(ledger.itertuples())
        previous = drifted = 0.0
        for decided, signal_name in zip(signals["decided_at"], signals["signal"], strict=True):
            bar = closed.index(decided) + 1  # filled at the open of the next bar
            target = {"buy": 1.0, "sell": -1.0, "hold": previous}[signal_name]
            cost = abs(target - drifted) * 7 / 10_000
            gross = target * (opens[bar + 1] / opens[bar] - 1)
            row = next(rows)
            assert row.time == opened[bar]
            assert row.position == target
            assert row.traded == pytest.approx(target - drifted, abs=1e-15)
            assert row.cost == pytest.approx(cost, abs=1e-15)
            assert row.financing == 0.0
            assert row.gross_return == pytest.approx(gross, abs=1e-15)
            assert row.net_return == pytest.approx((1 - cost) * (1 + gross) - 1, abs=1e-15)
            previous, drifted = target, target * (opens[bar + 1] / opens[bar]) / (1 + gross)
        last = next(rows)
        assert (last.time, last.position) == (opened[bar + 1], 0.0)
        assert last.cost == pytest.approx(abs(drifted) * 7 / 10_000, abs=1e-15)
        assert next(rows, None) is None
    hold = saved.ledger[saved.ledger.model == "buy_and_hold"]
    first, final = opened.index(hold["time"].iloc[0]), opened.index(hold["time"].iloc[-1])
    grown = (1 + hold["net_return"]).prod()
    assert grown == pytest.approx(opens[final] / opens[first] * (1 - 7e-4) ** 2, rel=1e-12)


def test_backtest_and_report_answer_without_the_network_library(copy):
    program = (
        "import sys\nfrom forecast.__main__ import run\n"
        f"place = ['--data-dir', {str(copy / 'data')!r}, '--reports-dir', {str(copy / 'reports')!r}]\n"
        "codes = [run([*place, 'backtest', '--json']), run([*place, 'report'])]\n"
        "print(codes, sorted({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [os.sys.executable, "-c", program], capture_output=True, text=True, env=environment(), check=True
    )
    assert done.stdout.splitlines()[-1] == "[0, 0] []"
    result = json.loads(done.stdout[: done.stdout.rindex("}") + 1].split("\nReport")[0])
    assert result["backtests"][0]["verdict"]["skill"] in ("better", "worse", "inconclusive")
    page = (copy / "reports" / f"{newest(copy).name}.html").read_text()
    assert f"Skill: {result['backtests'][0]['verdict']['skill']}." in page
    assert newest(copy).name in (copy / "reports" / "index.html").read_text()


def test_higher_costs_change_the_backtest_without_training_again(copy):
    run = forecast_here(copy)
    cheap = json.loads(run("backtest", "--fee-bps", "0", "--slippage-bps", "0", "--json").stdout)["backtests"][0]
    dear = json.loads(run("backtest", "--fee-bps", "50", "--json").stdout)["backtests"][0]
    assert cheap["performance"]["buy_and_hold"]["ensemble"]["cost_paid"] == 0
    assert dear["performance"]["buy_and_hold"]["ensemble"]["cost_paid"] == pytest.approx(2 * 0.0052)
    for model in ("simple_rnn", "lstm"):
        rich, poor = (metrics["performance"][model]["ensemble"] for metrics in (cheap, dear))
        assert rich["trades"] == poor["trades"]
        assert poor["trades"] == 0 or poor["total_return"] < rich["total_return"]
    assert len(newest(copy).backtests()) == 2


def test_every_run_proves_that_it_does_not_look_ahead(trained):
    certificate = newest(trained).certificate()
    assert certificate["passed"], certificate["failures"]
    assert certificate["compared"] > 100
    assert len(certificate["cuts"]) == 6


def test_a_backtest_that_fills_too_soon_loses_its_certificate(copy, monkeypatch):
    from forecast.config.trading import Costs, TradingConfig
    from forecast.evaluation import backtest
    from forecast.trading import strategy
    from forecast.trading.simulator import trade_all

    run = newest(copy)
    rules = TradingConfig(policy="long-flat", threshold=0.0, costs=Costs(fee_bps=1, slippage_bps=2))
    honest = backtest.evaluate(run, rules=rules).metrics["certificate"]
    assert honest["passed"]
    assert honest["compared"] > run.certificate()["compared"]

    def at_the_deciding_close(targets, *, opens, **more):
        return trade_all(targets, opens=np.concatenate([[opens[0]], opens[:-1]]), **more)

    monkeypatch.setattr(strategy, "trade_all", at_the_deciding_close)
    early = backtest.evaluate(run, rules=rules).metrics["certificate"]
    assert not early["passed"]
    assert "lstm ensemble earns something else than from open to open" in early["failures"]
    assert early["sha256"] != honest["sha256"]


def test_typed_training_options_never_meet_another_run(copy):
    line = only_line(forecast_here(copy)("backtest", newest(copy).name, "--window", "60", code=2).stderr)
    assert "is trained already: name a symbol" in line
    line = only_line(forecast_here(copy)("backtest", "AAPL", "--epochs", "0", code=2).stderr)
    assert "Expected epochs as a whole number from 1" in line


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: (run / "bars.parquet").unlink(), r"bars\.parquet of run folder .* is missing"),
        (lambda run: (run / "run.json").write_text("{}"), r"run\.json"),
        (lambda run: (run / "predictions.parquet").write_bytes(b"PAR1"), r"predictions\.parquet .* was changed"),
        (lambda run: (run / "predictions.parquet").unlink(), r"predictions\.parquet of run folder .* is missing"),
    ],
)
def test_a_damaged_run_is_one_clear_line(copy, damage, message):
    damage(newest(copy).folder)
    line = only_line(forecast_here(copy)("backtest", code=2).stderr)
    assert re.search(message, line)
    assert "forecast train" in line
    assert not (copy / "reports").exists()


def test_predictions_of_other_bars_are_refused(copy):
    path = newest(copy).folder / "bars.parquet"
    pd.read_parquet(path).iloc[1::2].to_parquet(path)
    line = only_line(forecast_here(copy)("backtest", code=2).stderr)
    assert "Expected sha256" in line


def test_too_little_history_for_window_and_folds_is_one_clear_line(copy):
    run = forecast_here(copy)
    for options in (["--window", "4000"], ["--folds", "150", "--end", "2003-12-31"], ["--end", "2000-05-01"]):
        line = only_line(run("train", "AAPL", *options, code=2).stderr)
        assert re.search(r"Expected (at least )?\d+ .*, got \d+", line)
    assert len(list((copy / "data" / "runs").glob("*/run.json"))) == 1


def test_a_full_disk_is_one_clear_line_and_keeps_the_run(copy):
    small = copy / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        shutil.copytree(copy / "data" / "runs", small / "runs")
        (small / "filler").write_bytes(b"x" * (small.stat().st_dev and os.statvfs(small).f_bavail * 4096 - 8192))
        line = only_line(forecast_here(copy)("--data-dir", str(small), "backtest", code=2).stderr)
        assert "the disk is full" in line
        (small / "filler").unlink()
        assert open_run(small / "runs").backtests() == []
        assert not list(small.rglob("*.part"))
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_an_own_feature_that_looks_ahead_is_refused_before_anything_is_trained(trained, copy):
    (copy / "peeking.py").write_text(
        "import numpy as np\n\ndef tomorrow(bars):\n    return np.append(bars.close[1:] / bars.close[:-1], 1.0)\n"
    )
    before = sorted(path.name for path in (copy / "data" / "runs").iterdir())
    features = ("--feature", "peeking:tomorrow", "--feature", "return")
    refused = forecast_here(copy)("train", "AAPL", *SMALL, *features, code=2)
    message = refused.stderr.strip().splitlines()[-1]
    assert "peeking:tomorrow looks ahead" in message
    assert "Nothing was trained" in message
    left = sorted(path.name for path in (copy / "data" / "runs").iterdir() if not path.name.startswith("."))
    assert left == [name for name in before if not name.startswith(".")]


def test_a_run_whose_certificate_failed_gives_no_verdict(copy):
    run = newest(copy)
    certificate = run.certificate()
    failed = {**certificate, "passed": False, "failures": ["scaler change when the future is truncated"]}
    (run.folder / "certificate.json").write_text(json.dumps(failed))
    reseal(run)
    done = forecast_here(copy)("backtest")
    assert done.stdout.strip().splitlines()[0].startswith("Look-ahead bias detected: nothing that this run shows")
    page = (copy / "reports" / f"{run.name}.html").read_text()
    assert "<h1><strong>Look-ahead bias detected:</strong>" in page
