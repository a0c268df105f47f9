"""What of a run is a person's own code: in its name, and said before it runs."""

import dataclasses
import hashlib
from dataclasses import replace

import numpy as np
import pytest

from forecast.compute.progress import NotesOnly
from forecast.config.experiment import Experiment
from forecast.training.preparation import announce_code, covariate_notes, own_code, run_name
from pipelines.errors import ConfigError
from tests.helpers.panel_runs import panel_bars

SOURCE = "def up(bars):\n    return bars.open, 1\n"


def test_two_sources_of_a_label_give_two_names_and_the_same_source_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    experiment = Experiment("AAPL", label="label_of_names:up")
    names = []
    for text in (SOURCE, SOURCE.replace("open", "close"), SOURCE):
        (tmp_path / "label_of_names.py").write_text(text)
        code = own_code(experiment)
        assert code == {"user_code": {"label_of_names:up": hashlib.sha256(text.encode()).hexdigest()}}
        names.append(run_name(experiment, **code))
    assert names[0] == names[2] != names[1]


def test_a_label_is_announced_as_code_and_one_of_the_table_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "label_of_notes.py").write_text(SOURCE)
    notes: list[str] = []
    experiment = Experiment("AAPL", label="label_of_notes:up")
    announce_code(experiment, progress=NotesOnly(write=notes.append))
    announce_code(dataclasses.replace(experiment, label="direction"), progress=NotesOnly(write=notes.append))
    (note,) = notes
    assert note.startswith("Label label_of_notes:up is code: ")
    assert "runs with your rights" in note


def test_a_label_whose_file_is_not_there_is_one_line():
    with pytest.raises(ConfigError, match="Label no_such_label:up: expected a module no_such_label in"):
        own_code(Experiment("AAPL", label="no_such_label:up"))


def test_a_covariate_that_ended_long_ago_is_refused_and_pauses_and_other_sessions_are_said():
    prices = panel_bars("AAA", bars=400)
    long_ago = panel_bars("SPY", bars=300)
    with pytest.raises(ConfigError, match=r"none after 2015-10-28: for 100 days .* or: --end 2015-10-28\.") as caught:
        list(covariate_notes([prices], {"SPY": long_ago}, title="AAA"))
    assert "up to 2016-02-05, where AAA ends" in str(caught.value)
    assert list(covariate_notes([prices], {"SPY": panel_bars("SPY", bars=400)}, title="AAA")) == []
    rows = np.r_[0:100, 150:390]
    other = replace(panel_bars("SPY", bars=400).rows(rows), calendar="XNYS")
    assert list(covariate_notes([prices, panel_bars("OLD", bars=50)], {"SPY": other}, title="panel P")) == [
        "SPY ends on 2016-01-26: for 10 days its last values are taken.",
        "SPY has no bar between 2015-04-11 and 2015-06-01: for 51 days its values before are taken.",
        "SPY has the sessions of XNYS, panel P those of 24/7: each close has the values of SPY that were known "
        "by then.",
    ]
