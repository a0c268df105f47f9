"""How much an audit makes depends on what a person's code takes, not on what else the machine does."""

import time

import pytest

from pipelines.preprocessing.isolated_process import Effort


@pytest.mark.parametrize(
    ("worked", "gone_by", "seconds"),
    [(3.0, 3.0, 3.0), (3.0, 20.0, 3.0), (0.5, 160.0, 20.0), (8.0, 2.0, 8.0)],
    ids=["alone", "beside others", "waiting", "in four threads"],
)
def test_waiting_counts_an_eighth_and_other_programs_nothing(worked, gone_by, seconds, monkeypatch):
    clocks = {"process_time": 100.0, "monotonic": 5_000.0}
    for name in clocks:
        monkeypatch.setattr(time, name, lambda name=name: clocks[name])
    effort = Effort()
    clocks["process_time"] += worked
    clocks["monotonic"] += gone_by
    assert effort.seconds() == seconds
