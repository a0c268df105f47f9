"""Whatever goes wrong with one live run, the others are asked, and the reason is kept."""

import numpy as np

from forecast.serving.evening import ask_all
from forecast.serving.journal import Journal
from forecast.serving.live import LiveRun
from pipelines.errors import RunError


def test_a_defect_in_one_run_is_a_reason_like_any_other(tmp_path) -> None:
    runs = [
        LiveRun(run=f"{name}-1d-x", symbol=name, model="lstm", backtest="b", rules={}, added_at="") for name in "ABC"
    ]
    symbols = []

    def ask(live_run):
        symbols.append(live_run.symbol)
        raise {"A": IndexError("out of range"), "B": RunError("It is gone."), "C": MemoryError("8 GB")}[live_run.symbol]

    evening = ask_all(runs, ask=ask, journal=Journal(tmp_path), now=np.datetime64("2024-01-02T22:00", "ns"))
    assert symbols == ["A", "B", "C"]
    assert [(failure.symbol, failure.reason.split(".")[0]) for failure in evening.failures] == [
        ("A", "IndexError: out of range"), ("B", "It is gone"),
        ("C", "Expected more memory than there is (8 GB)")
    ]  # fmt: skip
    assert evening.answers == ()
    assert Journal(tmp_path).read().entries == ()
