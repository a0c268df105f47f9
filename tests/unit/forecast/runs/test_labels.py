"""Notes, tags and experiments: beside the sealed run.json, kept when a run is trained anew, refused when odd."""

import threading

import pytest

from forecast.runs import labels
from forecast.runs.labels import Labels
from forecast.runs.run import create_run, discard
from pipelines.errors import ConfigError, RunError
from tests.helpers.report_fixtures import build_run


@pytest.fixture
def run(tmp_path):
    return build_run(tmp_path, bars=120, folds=1, seeds=2, backtest=None)


def test_labels_change_nothing_in_run_json(run):
    before = (run.folder / "run.json").read_bytes()
    labels.write_note(run, " a wider window ")
    labels.add_tags(run, ["second", "first"])
    labels.add_tags(run, ["first"])
    labels.put_into_experiment(run, "windows")
    assert labels.read_labels(run) == Labels(note="a wider window", tags=("first", "second"), experiment="windows")
    assert (run.folder / "run.json").read_bytes() == before
    assert labels.remove_tags(run, ["first"]).tags == ("second",)
    assert labels.write_note(run, "").note == ""


def test_a_run_that_is_trained_anew_keeps_its_labels_and_nothing_else(run):
    labels.add_tags(run, ["kept"])
    about, bars = run.describe(), run.bars()
    discard(run)
    assert [path.name for path in run.folder.iterdir()] == ["labels.json"]
    create_run(run.folder.parent, run.name, description=about, bars=bars)
    assert labels.read_labels(run).tags == ("kept",)
    assert not run.finished


@pytest.mark.parametrize("tag", ["", " ", "a b", "a,b", "-x", "x" * 41, "a\n", "../up", "a\x1b[31m", "#x"])
def test_a_tag_with_odd_characters_is_refused_in_one_line(run, tag):
    with pytest.raises(ConfigError, match="Expected a tag of at most 40 letters") as caught:
        labels.add_tags(run, ["fine", tag])
    assert "\n" not in str(caught.value)
    assert labels.read_labels(run) == Labels()


@pytest.mark.parametrize("tag", ["v1.2", "größer", "東京", "team/alpha", "lr=0.01", "a_b-c:d+e"])
def test_letters_of_any_script_are_fine(run, tag):
    assert labels.add_tags(run, [tag]).tags == (tag,)


def test_a_tag_that_is_not_there_and_a_note_that_is_too_long_are_refused(run):
    with pytest.raises(ConfigError, match=r"Expected tags of .*it has none.* got 'x'"):
        labels.remove_tags(run, ["x"])
    with pytest.raises(ConfigError, match="at most 2,000 letters, got 2,001"):
        labels.write_note(run, "x" * 2_001)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"note": 1}', b'{"note": "", "tags": ["a b"], "experiment": ""}'])
def test_damaged_labels_are_said_to_leave_the_run_whole(run, content):
    (run.folder / "labels.json").write_bytes(content)
    with pytest.raises(RunError, match=r"labels\.json cannot be read as labels\. The run itself is whole"):
        labels.read_labels(run)
    assert run.finished


def test_tags_of_several_programs_at_once_are_all_kept(run):
    names = [f"tag-{number}" for number in range(8)]
    threads = [threading.Thread(target=labels.add_tags, args=(run, [name])) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert labels.read_labels(run).tags == tuple(names)
