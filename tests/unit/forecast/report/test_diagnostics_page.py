"""`forecast inspect` on a real small run: tables, page, and what is refused."""

import hashlib
import json
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.__main__ import run
from forecast.diagnostics import analysis, effective_memory, loader
from forecast.diagnostics.effective_memory import Memory
from forecast.report.charts import diagnostics as charts
from forecast.report.pages import diagnostics
from forecast.report.sections import effective_memory as memory_section
from forecast.runs.catalog import open_run
from forecast.runs.run import Run
from pipelines.errors import RunError
from tests.helpers.checkpoint_files import reseal
from tests.helpers.command_line import forecast_here, only_line
from tests.helpers.report_browser import CHROMIUM, Page, browser
from tests.helpers.study_results import memory_benchmark_with

SHORT = {"simple_rnn": {10: [0.01] * 3, 50: [1.0] * 3}, "lstm": {10: [0.01] * 3, 50: [0.01] * 3}}


@pytest.fixture(scope="module")
def inspected(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the small run, looked into; the command's JSON lies beside it."""
    folder = tmp_path_factory.mktemp("inspected")
    shutil.copytree(trained / "data", folder / "data")
    done = forecast_here(folder)("inspect", "--json", "--at", "2003-06-30")
    (folder / "said.json").write_text(done.stdout)
    return folder


@pytest.fixture
def damaged(trained: Path, tmp_path: Path) -> Run:
    shutil.copytree(trained / "data", tmp_path / "data")
    return open_run(tmp_path / "data" / "runs")


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(open_run(folder / "data" / "runs").folder / "inspection" / f"{name}.parquet")


def test_the_sentence_names_the_window_and_both_networks(inspected: Path) -> None:
    answer = json.loads((inspected / "said.json").read_text())
    assert answer["sentence"].startswith("Your window is 10 bars: the SimpleRNN’s ")
    assert "the LSTM’s " in answer["sentence"]
    assert answer["largest_difference_from_stored_probabilities"] < 1e-6
    assert answer["decided_at"].startswith("2003-06-30")
    assert Path(answer["page"]).name == f"{answer['run']}-memory.html"


def test_the_report_gets_the_sentence_its_interval_and_two_pictures(inspected: Path) -> None:
    answer = json.loads((inspected / "said.json").read_text())
    pictures = open_run(inspected / "data" / "runs").pictures()
    assert pictures is not None
    assert pictures["sentence"] == answer["sentence"]
    assert pictures["details"] == ""  # both memories fill the window, which leaves no interval
    assert pictures["network"] == "LSTM"
    assert set(pictures["figures"]) == {"gradient", "occlusion"}
    assert pictures["figures"]["gradient"]["data"]


def test_there_is_a_curve_for_every_member_stage_and_path(inspected: Path) -> None:
    curves = table(inspected, "curves")
    paths = {"simple_rnn": {"state", "h", "input", "jacobian", "jacobian_h"}}
    paths["lstm"] = paths["simple_rnn"] | {"c"}
    for (model, _, _, stage), rows in curves.groupby(["model", "fold", "seed", "stage"]):
        assert stage in ("initial", "trained")
        assert set(rows["path"]) == paths[str(model)]
    assert len(curves) == 2 * 2 * 2 * 10 * (5 + 6)  # stages, folds, seeds, lags, paths of both
    state = curves[(curves["path"] == "state") & (curves["lag"] == 0)]
    np.testing.assert_allclose(state["median"], 1.0)
    assert (curves["low"] <= curves["high"]).all()


def test_the_gates_of_the_chosen_window_and_their_averages_are_gates(inspected: Path) -> None:
    for name, members in (("window", 2), ("averages", 4)):
        rows = table(inspected, name)
        assert len(rows) == members * 10 * 4  # bars x units
        assert rows[["input", "forget", "output"]].to_numpy().min() > 0
        assert rows[["input", "forget", "output"]].to_numpy().max() < 1
    units = table(inspected, "units")
    np.testing.assert_allclose(units["bars"], -1 / np.log(units["retention"]))


def test_every_feature_of_every_bar_was_covered(inspected: Path) -> None:
    rows = table(inspected, "occlusion")
    assert len(rows) == 2 * 2 * 10 * 1  # models, folds, bars, features
    assert set(rows["lag"]) == set(range(10))
    assert (rows["change"] >= 0).all()
    newest, oldest = (rows.loc[rows["lag"] == lag, "change"].mean() for lag in (0, 9))
    assert newest > oldest


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--at", "1999-01-01"], "Expected a moment from 200"),
        (["--benchmark", "--lengths", "10,x"], "Expected lengths as a whole number from 2 to 1000, got 'x'"),
        (["--benchmark", "--lengths", "3000000000"], "Expected lengths as a whole number from 2 to 1000"),
        (["--benchmark", "--jobs", "0"], "Expected jobs as a whole number from 1, got 0"),
    ],
)
def test_wrong_options_are_one_line_and_exit_code_2(
    damaged: Run, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(damaged, capsys, *options)


def refused(damaged: Run, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """The one line with which a run is refused, before the network library is loaded."""
    folder = damaged.folder.parents[1]
    arguments = ["--data-dir", str(folder), "--reports-dir", str(folder / "reports"), "inspect", *options]
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert not (damaged.folder / "inspection" / "inspection.json").exists()
    return only_line(captured.err)


def rewrite(path: Path, change: Callable[[dict], object]) -> None:  # type: ignore[type-arg]
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["architecture"].update(units=3_000_000_000), "Expected units from 1 to 1,000,000"),
        (lambda d: d["architecture"].update(units=64), "Expected units 4 in the description of"),
        (lambda d: d["architecture"].update(model="simple_rnn"), "Expected model lstm in the description of"),
        (lambda d: d.update(architecture={}), "Expected model, steps, features and units"),
        (lambda d: d.update(seed=1), "Expected seed 0 in the description of"),
        (lambda d: d.update(scaler={}), "Expected a scaler with mean and scale"),
        (lambda d: d["scaler"].update(scale=[0.0]), "The scaler in the description of"),
        (lambda d: d.update(features=["moon"]), "Expected features"),
    ],
)
def test_a_description_that_is_not_the_runs_is_refused(damaged: Run, change, message: str, capsys) -> None:  # type: ignore[no-untyped-def]
    rewrite(damaged.member("lstm", 0, 0).with_name("seed-0.json"), change)
    reseal(damaged)
    assert message in refused(damaged, capsys)


def test_missing_swapped_and_truncated_weights_are_named(damaged: Run, capsys: pytest.CaptureFixture[str]) -> None:
    first, other = damaged.member("lstm", 0, 0), damaged.member("lstm", 0, 1)
    content = first.read_bytes()
    first.write_bytes(other.read_bytes())
    assert "seed-0.weights.h5" in refused(damaged, capsys)
    first.write_bytes(content[:1000])
    assert "was changed" in refused(damaged, capsys)
    first.unlink()
    assert "seed-0.weights.h5" in (line := refused(damaged, capsys))
    assert "is missing" in line


def test_features_that_no_longer_exist_are_named(damaged: Run, capsys: pytest.CaptureFixture[str]) -> None:
    rewrite(damaged.folder / "run.json", lambda about: about["config"].update(features=["return", "moon"]))
    reseal(damaged)
    line = refused(damaged, capsys)
    assert "is not of this version" in line
    assert "moon" in line


def test_bars_that_are_not_the_runs_are_refused(damaged: Run, capsys: pytest.CaptureFixture[str]) -> None:
    bars = damaged.bars()
    bars.loc[5, "volume"] += 1
    bars.to_parquet(damaged.folder / "bars.parquet", index=False)
    reseal(damaged)
    assert "are not the bars it was trained on" in refused(damaged, capsys)


@pytest.fixture
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the network library's own imports
        yield


def resigned(path: Path, content: bytes) -> None:
    """Other weights with a description that agrees with them."""
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    rewrite(
        path.with_name(path.name.replace(".weights.h5", ".json")), lambda described: described.update(sha256=digest)
    )


@pytest.mark.usefixtures("quiet")
def test_weights_that_are_damaged_but_signed_are_refused_too(damaged: Run) -> None:
    first, other = damaged.member("simple_rnn", 0, 0), damaged.member("simple_rnn", 0, 1)
    weights = first.read_bytes()
    for content in (weights[: len(weights) // 2], b"", damaged.member("lstm", 0, 0).read_bytes()):
        resigned(first, content)
        reseal(damaged)
        with pytest.raises(RunError, match=r"no HDF5 file of weights|numbers instead of"):
            analysis.inspect(loader.open_subject(damaged), step=lambda *_: None)
    resigned(first, other.read_bytes())
    reseal(damaged)
    with pytest.raises(RunError, match="do not give the probabilities that are stored"):
        analysis.inspect(loader.open_subject(damaged), step=lambda *_: None)


def memory(model: str, bars: float, **more: object) -> Memory:
    return Memory(**{"model": model, "stage": "trained", "path": "state", "bars": bars, "low": None, "high": None,
                     "whole": False, **more})  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize(("farthest", "top"), [(0.5, 0.35), (40.0, 1.7)])
def test_a_gradient_that_grows_is_drawn_whole(farthest: float, top: float) -> None:
    rows = pd.DataFrame({"model": "lstm", "path": "state", "lag": [0, 1], "median": [1.0, farthest]})
    curves = pd.concat([rows.assign(stage=stage, low=0.9, high=rows["median"]) for stage in ("initial", "trained")])
    axis = charts.gradient(curves, [], path="state")["layout"]["yaxis"]
    assert axis["range"][1] == pytest.approx(top, abs=0.01)  # log10(40) is 1.6


def test_the_sentence_says_when_a_gradient_fills_the_window() -> None:
    memories = [memory("simple_rnn", 8.6), memory("lstm", 29.0, whole=True)]
    assert memory_section.sentence(memories, window=30) == (
        "Your window is 30 bars: the SimpleRNN’s gradient reaches 9, the LSTM’s the whole of it."
    )
    assert "neither" not in memory_section.details(memories, window=30)
    memories += [memory("gru", 29.0, whole=True), memory("lstm_one_to_one", 0.0)]
    assert memory_section.sentence(memories, window=30) == (
        "Your window is 30 bars: the SimpleRNN’s gradient reaches 9, the LSTM’s and the GRU’s the whole of it, "
        "the LSTM one-to-one’s the latest bar alone."
    )


def test_the_details_say_what_is_out_of_reach_and_what_training_changed() -> None:
    memories = [
        memory("simple_rnn", 9.0, low=8.0, high=10.0),
        memory("simple_rnn", 15.0, stage="initial"),
        memory("lstm", 18.0, low=17.0, high=19.5),
        memory("lstm", 17.5, stage="initial"),
    ]
    assert memory_section.details(memories, window=30) == (
        "The 95 % intervals are 8.0 to 10.0 for the SimpleRNN and 17.0 to 19.5 for the LSTM. "
        "Training has shortened the SimpleRNN’s from 15.0 bars. "
        "Of what lies more than 18 bars back neither network can have learned much."
    )


def test_no_interval_is_given_of_what_reaches_beyond_the_window() -> None:
    memories = [
        memory("simple_rnn", 9.0, low=9.0, high=9.0, whole=True),
        memory("lstm", 9.0, low=6.8, high=9.0, whole=True),
    ]
    assert memory_section.details(memories, window=10) == "The 95 % interval is 6.8 to 9.0 for the LSTM."
    assert memory_section.details(memories[:1], window=10) == ""


def test_the_interval_of_a_median_holds_it_and_a_single_member_has_none() -> None:
    rng = np.random.default_rng(0)
    grid = rng.normal(10, 1, (6, 3))
    low, high = effective_memory.median_interval(grid, rng=rng) or (0, 0)
    assert low < np.median(grid) < high
    assert effective_memory.median_interval(grid[:1, :1], rng=rng) is None
    assert effective_memory.median_interval(np.full((6, 3), 4.0), rng=rng) == (4.0, 4.0)


@pytest.fixture(scope="module")
def opened() -> Iterator[Page]:
    pytest.importorskip("websockets")
    if not CHROMIUM:
        pytest.skip("needs Chromium")
    with browser() as driver:
        yield driver


def assert_drawn(opened: Page, path: Path, *, width: int, scheme: str) -> None:
    opened.events.clear()
    opened.open(path, width=width, scheme=scheme)
    empty = opened.evaluate(
        "[...document.querySelectorAll('[data-chart]')].filter(each => !each.querySelector('svg.main-svg .trace, "
        "svg.main-svg .hm')).map(each => each.dataset.chart)"
    )
    assert empty == []
    assert opened.evaluate("document.documentElement.scrollWidth") == width  # nothing sticks out
    assert opened.errors() == []
    assert opened.requests() == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_both_pages_are_drawn_without_errors_or_requests(
    opened: Page, inspected: Path, tmp_path: Path, width: int, scheme: str
) -> None:
    answer = json.loads((inspected / "said.json").read_text())
    assert_drawn(opened, Path(answer["page"]), width=width, scheme=scheme)
    written = diagnostics.write_benchmark(memory_benchmark_with(SHORT), window=30, folder=tmp_path)
    assert_drawn(opened, written, width=width, scheme=scheme)
    assert "the LSTM learns it up to length 50" in opened.evaluate("document.querySelector('h1').textContent")
