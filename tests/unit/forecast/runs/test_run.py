import json
import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecast.runs import run as runs
from forecast.runs.io import write_json
from forecast.runs.run import Run
from forecast.runs.saved_backtests import Backtest
from pipelines.errors import RunError

NOW = pd.Timestamp("2026-03-02T21:00Z")
BARS = pd.DataFrame({"symbol": ["A"], "opened_at": [NOW], "closed_at": [NOW], "open": [1.0], "high": [1.0],
                     "low": [1.0], "close": [1.0], "volume": [0]})  # fmt: skip
ROWS = pd.DataFrame({"symbol": ["A"], "model": ["lstm"], "fold": [0], "seed": [0], "decided_at": [NOW],
                     "entry_at": [NOW], "exit_at": [NOW], "probability": [0.5], "target": [1],
                     "forward_return": [0.01]})  # fmt: skip
SIGNALS = pd.DataFrame({"symbol": ["A"], "model": ["lstm"], "member": ["0"], "decided_at": [NOW], "signal": ["buy"]})
LEDGER = pd.DataFrame({"symbol": ["A"], "model": ["lstm"], "member": ["0"], "time": [NOW], "position": [1.0],
                       "gross_return": [0.0], "cost": [0.0], "net_return": [0.0]})  # fmt: skip


@pytest.fixture
def run(tmp_path):
    described = {"config": {}, "data": {}, "versions": {}}
    return runs.create_run(tmp_path, "A-1d-0123456789", description=described, bars=BARS)


def save(run, seed, *, description=None, losses=(1.0,)):
    run.save_network("lstm", 0, seed, weights=b"w", description=description or {})
    run.save_results("lstm", 0, seed, results={"loss": np.array(losses)})


def test_a_member_is_finished_only_when_what_it_found_is_on_disk(run):
    assert run.results("lstm", 0, 1) is None
    save(run, 1, description={"fold": 0}, losses=[1.0, 0.5])
    np.testing.assert_array_equal(run.results("lstm", 0, 1)["loss"], [1.0, 0.5])
    assert run.describe_member("lstm", 0, 1)["fold"] == 0
    assert run.member("lstm", 0, 1).relative_to(run.folder).as_posix() == "weights/lstm/fold-0/seed-1.weights.h5"


def test_a_truncated_member_is_trained_again_and_swapped_weights_are_refused(run):
    save(run, 1)
    part = next((run.folder / "members").iterdir())
    content = part.read_bytes()
    for damaged in (content[:40], b"", content[:-1], content[:100] + bytes([content[100] ^ 1]) + content[101:]):
        part.write_bytes(damaged)
        assert run.results("lstm", 0, 1) is None
    run.member("lstm", 0, 1).write_bytes(b"other")
    with pytest.raises(RunError, match="the weights are not the ones that were saved"):
        run.describe_member("lstm", 0, 1)
    run.member("lstm", 0, 1).unlink()
    with pytest.raises(RunError, match=r"seed-1\.weights\.h5 of run folder .* is missing"):
        run.describe_member("lstm", 0, 1)


def test_a_finished_run_has_no_parts_left(run):
    save(run, 0)
    assert not run.finished
    with pytest.raises(RunError, match="is not finished"):
        run.predictions()
    frame = ROWS
    run.finish(predictions=frame, validation=frame, history=pd.DataFrame({"loss": [1.0]}), certificate={}, seconds=1.23)
    assert run.finished
    assert not (run.folder / "members").exists()
    assert run.describe()["seconds"] == 1.2
    pd.testing.assert_frame_equal(run.predictions(), frame)


def test_a_damaged_file_is_named_in_one_line(run):
    text = (run.folder / "run.json").read_text()
    (run.folder / "run.json").write_text("{")
    with pytest.raises(
        RunError, match=r"run\.json of run folder .* cannot be read .*forecast train SYMBOL --overwrite"
    ):
        run.describe()
    (run.folder / "run.json").write_text("[]")
    with pytest.raises(RunError, match="not a JSON object"):
        run.describe()
    (run.folder / "run.json").write_text(text)
    (run.folder / "bars.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunError, match=r"bars\.parquet of run folder .* was changed. Expected sha256 \w{64}, got"):
        run.bars()
    (run.folder / "bars.parquet").unlink()
    with pytest.raises(RunError, match=r"bars\.parquet of run folder .* is missing"):
        run.bars()


def test_a_backtest_is_listed_only_when_it_is_whole(run):
    saved = Backtest(name="b", config={"band": 0}, signals=SIGNALS, ledger=LEDGER, metrics={"verdict": {}})
    run.save_backtest(saved)
    assert run.backtests() == ["b"]
    assert run.backtest("b").config == {"band": 0}
    (run.folder / "backtests" / "b" / "metrics.json").unlink()
    assert run.backtests() == []


@pytest.mark.parametrize("name", ["signals.parquet", "ledger.parquet", "config.json", "metrics.json"])
def test_a_backtest_without_its_signals_is_refused_where_any_of_its_files_is_damaged(run, name):
    run.save_backtest(Backtest(name="b", config={"band": 0}, signals=SIGNALS, ledger=LEDGER, metrics={"verdict": {}}))
    assert run.without_signals("b").signals.empty
    assert run.without_signals("b").config == {"band": 0}
    path = run.folder / "backtests" / "b" / name
    content = path.read_bytes()
    path.write_bytes(content[:-5] + bytes([content[-5] ^ 1]) + content[-4:])
    with pytest.raises(RunError, match=f"{name} of run folder .* was changed. Expected sha256"):
        run.without_signals("b")
    path.unlink()
    with pytest.raises(RunError, match=f"{name} of run folder .* is missing"):
        run.without_signals("b")


def test_a_backtest_saved_before_trades_were_has_none_and_lost_trades_are_noticed(run):
    saved = Backtest(name="b", config={"band": 0}, signals=SIGNALS, ledger=LEDGER, metrics={"verdict": {}})
    run.save_backtest(saved)
    assert run.backtest("b").trades is None
    times = pd.to_datetime(["2020-01-01"], utc=True)
    row = {
        "symbol": "T",
        "model": "lstm",
        "member": "0",
        "side": "long",
        "entry_at": times,
        "exit_at": times,
        "bars": 1,
    }
    row |= {"entry_price": 1.0, "exit_price": 1.0, "gross_return": 0.0, "financing": 0.0, "cost": 0.0}
    trades = pd.DataFrame({**row, "net_return": 0.0, "open_at_end": False})
    run.save_backtest(replace(saved, trades=trades))
    pd.testing.assert_frame_equal(run.backtest("b").trades, trades)
    (run.folder / "backtests" / "b" / "trades.parquet").unlink()
    with pytest.raises(RunError, match=r"trades\.parquet of run folder .* is missing"):
        run.backtest("b")


def test_one_process_trains_a_run_at_a_time(run):
    with run.locked(), pytest.raises(RunError, match="being trained by another process"), Run(run.folder).locked():
        pytest.fail("two processes held the lock")
    with run.locked():
        pass


def test_json_never_holds_nan(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"x": float("nan")})
    assert os.listdir(tmp_path) == []
    write_json(tmp_path / "x.json", {"x": 1})
    assert json.loads((tmp_path / "x.json").read_text()) == {"x": 1}
    assert os.listdir(tmp_path) == ["x.json"]


def test_a_run_that_lacks_its_description_or_bars_is_not_finished(run):
    run.finish(predictions=BARS, validation=BARS, history=BARS, certificate={}, seconds=1)
    assert run.finished
    (run.folder / "bars.parquet").unlink()
    assert not run.finished
    runs.create_run(run.folder.parent, run.name, description={"config": {}, "data": {}, "versions": {}}, bars=BARS)
    assert run.finished
    (run.folder / "run.json").write_text("{}")
    assert not run.finished


def test_a_discarded_run_is_gone_and_its_lock_still_holds(run):
    with run.locked():
        runs.discard(run)
        assert not run.folder.exists()
        with pytest.raises(RunError, match="another process"), Run(run.folder).locked():
            pytest.fail("two processes held the lock")
    runs.discard(run)


def test_a_table_whose_footer_announces_more_than_any_run_has_is_refused_unread(tmp_path, monkeypatch):
    from forecast.runs import io

    io.write_parquet(tmp_path / "ledger.parquet", LEDGER)
    assert len(io.read_parquet(tmp_path / "ledger.parquet")) == 1
    monkeypatch.setattr(io, "_MOST_CELLS", LEDGER.size - 1)
    with pytest.raises(RunError, match=r"1 row of 8 columns: more than any run has"):
        io.read_parquet(tmp_path / "ledger.parquet")


@pytest.mark.parametrize("group", [1, 3, 100])
def test_rows_that_come_member_by_member_make_the_same_table(tmp_path, monkeypatch, group):
    from forecast.runs import io

    monkeypatch.setattr(io, "_ROW_GROUP", group)
    members = [ROWS.assign(seed=seed).iloc[:count] for seed, count in enumerate((0, 1, 1, 0, 1, 1))]
    (tmp_path / "parts.parquet").write_bytes(io.parquet_bytes(iter(members)))
    pd.testing.assert_frame_equal(
        io.read_parquet(tmp_path / "parts.parquet"),
        pd.concat([ROWS.assign(seed=seed) for seed in (1, 2, 4, 5)], ignore_index=True),
    )
    if group == 100:
        assert (tmp_path / "parts.parquet").read_bytes() == io.parquet_bytes(pd.concat(members, ignore_index=True))
    (tmp_path / "none.parquet").write_bytes(io.parquet_bytes(iter(members[:1])))
    assert list(io.read_parquet(tmp_path / "none.parquet")) == list(ROWS)
