"""What stands in a report, without a browser."""

import base64
import functools
import gzip
import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from forecast.__main__ import run as command_line
from forecast.cli.main import cli
from forecast.report import formatting, write_index, write_report
from forecast.report.charts import equity, trades, training
from forecast.report.charts.downsampling import thin
from forecast.report.context import PageContext, gather
from forecast.report.document import LIBRARY, script_json, unbroken
from forecast.report.pages import index
from forecast.report.pages import run as run_page
from forecast.report.sections import overfitting, robustness, tables
from forecast.report.sections.larger_experiments import what_would_change
from forecast.report.sections.verdict import verdict_text
from forecast.runs.io import write_json
from forecast.runs.run import Run
from forecast.statistics.sharpe_ratio import minimum_backtest_length
from forecast.statistics.verdict import Verdict
from pipelines.errors import RunError
from tests.helpers.report_fixtures import build_run, save_backtest

LIBRARY_SHA256 = "99784e3abfb07b142a15e521a439e6d9addceadb3f79553fd24c72774f0649ba"  # of plotly.js-basic-dist-min 4.1.1


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return build_run(tmp_path_factory.mktemp("data") / "runs", bars=500)


@pytest.fixture(scope="module")
def context(run: Run) -> PageContext:
    return gather(run, backtest="default")


def test_the_page_begins_with_the_verdict_and_loads_nothing(run: Run, tmp_path: Path) -> None:
    html = write_report(run, backtest="default", folder=tmp_path).read_text()
    text = verdict_text(run.metrics("default"), symbol="AAPL")
    start = re.sub(r"<[^>]*>", "", html[html.index("<h1>") : html.index("</h1>")]).replace("\u00a0", " ")
    assert start == text.skill
    assert text.skill.startswith("Skill: inconclusive. On AAPL, ")
    assert text.money.startswith("Money: inconclusive. The LSTM earned ")
    assert "http" not in re.sub(r"http-equiv", "", html)
    assert re.findall(r'src="([^"]*)"', html) == [LIBRARY]
    assert {path.name for path in tmp_path.iterdir()} == {f"{run.name}.html", LIBRARY}


def test_money_of_accounts_that_are_alike_or_idle_is_no_chance(context: PageContext) -> None:
    metrics = json.loads(json.dumps(context.metrics))
    verdict = Verdict.from_json(metrics["verdict"])

    def money(**changes: Any) -> str:
        pair = verdict.money
        assert pair is not None
        changed = [
            replace(pair, answer="inconclusive", **changes) if comparison is pair else comparison
            for comparison in verdict.comparisons
        ]
        return verdict_text(
            {**metrics, "verdict": replace(verdict, comparisons=tuple(changed)).to_json()}, symbol="WALK"
        ).money

    sentence = money(difference=0.0, reason="no_variation")
    assert sentence == "Money: inconclusive. The LSTM and the SimpleRNN earned the same after costs."
    assert money(reason="never_traded").endswith(
        "without compounding; not tested: one of the two never held a position."
    )
    assert money(reason="interval_contains_zero").endswith("without compounding, which may be chance.")
    assert money(reason="no_skill").endswith(
        "more than chance explains; not claimed: no difference in forecasting skill was found."
    )


def test_pages_share_one_library_which_is_put_there_again_where_it_is_damaged(run: Run, tmp_path: Path) -> None:
    write_report(run, backtest="default", folder=tmp_path)
    first = (tmp_path / LIBRARY).stat()
    assert hashlib.sha256((tmp_path / LIBRARY).read_bytes()).hexdigest() == LIBRARY_SHA256
    write_report(run, backtest="default", folder=tmp_path)
    assert (tmp_path / LIBRARY).stat().st_ino == first.st_ino
    (tmp_path / LIBRARY).write_text("cut off")
    write_report(run, backtest="default", folder=tmp_path)
    assert (tmp_path / LIBRARY).stat().st_size == first.st_size


def test_a_standalone_page_has_the_library_inside(run: Run, tmp_path: Path) -> None:
    page = write_report(run, backtest="default", folder=tmp_path, standalone=True)
    assert list(tmp_path.iterdir()) == [page]
    text = page.read_text()
    assert "src=" not in text
    packed = re.search(r'<script type="text/plain" id="library">(.*?)</script>', text)
    assert packed
    library = gzip.decompress(base64.b64decode(packed[1]))
    assert hashlib.sha256(library).hexdigest() == LIBRARY_SHA256
    assert page.stat().st_size < 1_500_000


def test_the_last_point_of_growth_is_the_total_return(run: Run, context: PageContext) -> None:
    metrics = run.backtest("default").metrics["performance"]
    for trace in equity.growth(context)["data"]:
        if "name" in trace:
            model = trace["legendgroup"]
            assert trace["y"][-1] == pytest.approx(1 + metrics[model]["ensemble"]["total_return"], rel=5e-5)
            assert trace["y"][0] == 1


def test_a_mark_stands_at_the_open_at_which_the_position_changed(context: PageContext) -> None:
    account = context.ensemble("lstm")
    bars = context.bars.assign(date=context.bars["opened_at"].dt.strftime("%Y-%m-%d")).set_index("date")
    bought = np.flatnonzero(np.diff(account.position, prepend=0.0) > 0)
    (buys,) = [trace for trace in trades.prices(context)["data"] if trace.get("name") == "LSTM buys"]
    assert buys["x"] == [str(day) for day in account.time[bought].astype("datetime64[D]")]
    assert buys["y"] == pytest.approx((bars.loc[buys["x"], "open"] * 7.5).tolist(), rel=1e-5)


def test_every_purchase_is_followed_by_a_sale(context: PageContext) -> None:
    traces = {trace.get("name"): trace for trace in trades.prices(context)["data"]}
    for model in ("LSTM", "SimpleRNN"):
        assert len(traces[f"{model} buys"]["x"]) == len(traces[f"{model} sells"]["x"])


def test_the_folds_are_drawn_from_their_first_to_their_last_row(context: PageContext) -> None:
    train = training.folds(context)["data"][0]
    first = context.about["folds"][0]["train"]
    assert train["base"][0] == first["first"][:19]
    assert np.datetime64(train["base"][0]) + np.timedelta64(int(train["x"][0]), "ms") == np.datetime64(
        first["last"][:19]
    )


def test_many_folds_are_thinned_to_twelve(tmp_path: Path) -> None:
    many = gather(build_run(tmp_path / "runs", bars=600, folds=20, seeds=1), backtest="default")
    titles = [title for title, _ in training.learning(many)]
    assert (len(titles), titles[0], titles[-1]) == (12, "Fold 0", "Fold 19")


@pytest.mark.parametrize(("epochs", "spread", "places"), [(1, 0.0, 4), (2, 0.3, 2), (30, 0.001, 4)])
def test_ticks_of_learning_curves_differ(context: PageContext, epochs: int, spread: float, places: int) -> None:
    loss = np.linspace(0.693, 0.693 + spread, epochs)
    columns = {"model": "lstm", "fold": 0, "seed": 0, "epoch": np.arange(1, epochs + 1), "loss": loss, "val_loss": loss}
    (_, figure), *_ = training.learning(replace(context, history=pd.DataFrame(columns)))
    axes = figure["layout"]
    assert axes["yaxis"]["tickformat"] == f".{places}f"
    assert axes["xaxis"].get("dtick") == (1 if epochs <= 2 else None)
    assert {trace["mode"] for trace in figure["data"]} == {"markers" if epochs == 1 else "lines"}  # one epoch: a point


def test_units_are_said_of_the_networks_that_have_them() -> None:
    about = {"config": {"units": 8}}
    context = SimpleNamespace(about=about, networks=("lstm", "simple_rnn", "simple_rnn_wide"))
    networks, sizes = run_page._sizes(cast("PageContext", context))
    assert networks == "an LSTM, a SimpleRNN and a wide SimpleRNN"
    assert sizes == "8 units each but for the wide one, which has as many parameters as the LSTM"


def test_a_week_has_dashes_and_says_why(tmp_path: Path) -> None:
    short = gather(build_run(tmp_path / "runs", bars=400, interval="tick:500"), backtest="default")
    table = tables.performance(short, short.models)
    assert {row["name"]: row["cells"][0]["value"] for row in table["rows"]}["Sharpe ratio"] == formatting.DASH
    assert "too short to annualise" in table["note"]


def test_every_question_has_an_answer(context: PageContext) -> None:
    answers = {row["question"]: row["answer"] for row in robustness.answers(context)}
    assert len(answers) == 11
    assert all(answers.values())
    assert re.search("basis points|lost", answers["Break-even transaction cost"])


def test_baselines_stand_behind_the_networks_and_wait_in_the_legend(tmp_path: Path) -> None:
    every = build_run(tmp_path / "runs", bars=400, seeds=1, folds=1, networks=("logistic", "simple_rnn", "lstm"))
    context = gather(every, backtest="default")
    assert context.models == ["lstm", "simple_rnn", "buy_and_hold", "cash", "logistic"]
    waiting = [trace["name"] for trace in equity.growth(context)["data"] if trace.get("visible") == "legendonly"]
    assert waiting == ["Logistic regression", "Cash"]
    assert tables.prediction(context)["columns"] == ["LSTM", "SimpleRNN", "Logistic regression", "No skill"]
    verdict = Verdict.from_json(context.metrics["verdict"])
    assert len(verdict.of("skill")) == 1 + 2 + 2 + 1  # the pair, the base rate, the baseline, the baseline's own
    assert {comparison.reason for comparison in verdict.of("skill", family="base_rate")} == {"single_seed"}


def test_a_run_without_evidence_has_fewer_answers(context: PageContext) -> None:
    bare = replace(context, metrics={**context.metrics, "evidence": {}})
    assert [row["question"] for row in robustness.answers(bare)] == [
        "Files of the run",
        "Correlation with the last return",
    ]


def test_an_echo_of_the_last_return_is_found(context: PageContext) -> None:
    close, first = context.bars["close"].to_numpy(), context.traded.start
    last = close[first - 1 : -1] / close[first - 2 : -2] - 1.0
    predictions = context.predictions.copy()
    decisions = predictions.groupby(["model", "seed"]).cumcount().to_numpy()
    predictions["probability"] = 0.5 + 5 * last[decisions]
    echo = robustness.answers(replace(context, predictions=predictions))[-1]["answer"]
    assert "LSTM 1.00, SimpleRNN 1.00" in echo


@pytest.mark.parametrize(
    ("cost", "gross", "busier", "sentence"),
    [
        (0.001, 0.1, "lstm", "10 basis points (95 %: 5.0 to 20): below that the LSTM, which trades more, earned more; "
                             "above it the SimpleRNN."),
        (-0.001, 0.1, "simple_rnn", "None: the LSTM gained more before costs and traded less."),
        (-0.001, -0.1, "lstm", "None: the SimpleRNN gained more before costs and traded less."),
        (None, 0.1, "lstm", ""),
    ],
)  # fmt: skip
def test_the_cost_at_which_both_are_even(cost: float | None, gross: float, busier: str, sentence: str) -> None:
    even = {"model": "lstm", "rival": "simple_rnn", "busier": busier, "gross": gross, "cost": cost}
    assert robustness._even({"even": {**even, "low": 0.0005, "high": 0.002}}) == sentence


@pytest.mark.parametrize(
    ("trials", "years", "sentence"),
    [
        (1, 8.0, "One try needs no minimum: there was nothing to pick from."),
        (45, 4.0, "5.0 years: in so short a record the best of 45 tries without any skill is expected"),
        (45, 4.0, "This record has 4.0 years and is shorter"),
        (45, 6.0, "This record has 6.0 years and is longer"),
        (2, 6.0, "the best of 2 tries without any skill is expected"),
    ],
)
def test_a_record_must_be_longer_the_more_was_tried(trials: int, years: float, sentence: str) -> None:
    needed = minimum_backtest_length(trials, sharpe=1.0)
    assert sentence in overfitting.record({"minimum_length": {"trials": trials, "years": needed}, "years": years})


def test_tries_that_are_as_good_as_one_need_no_record() -> None:
    alike = {"trials": 3, "effective_trials": 1.04, "years": minimum_backtest_length(1.04, sharpe=1.0)}
    text = overfitting.record({"minimum_length": alike, "years": 4.0})
    assert text.startswith("None for 3 tries, which are as much alike as 1.0 independent ones:")


@pytest.mark.parametrize(("value", "text"), [(0.1, "0.10"), (1.0, "1.00"), (0.0123, "0.012"), (0.0004, "below 0.001")])
def test_p_values_of_a_table_have_as_many_digits_as_those_of_sentences(value: float, text: str) -> None:
    assert tables._p_value(value) == text
    assert robustness._p(value).endswith(text)


def test_directions_are_corrected_over_the_networks() -> None:
    rows = {
        "lstm": {"p_value": 0.03, "p_adjusted": 0.06, "reason": ""},
        "simple_rnn": {"p_value": 0.2, "p_adjusted": 0.2, "reason": ""},
    }
    assert robustness._directions({"direction": rows}) == (
        "LSTM: no significant difference from chance, p = 0.060; SimpleRNN: no significant difference from chance, "
        "p = 0.20 (Pesaran-Timmermann, Holm over the networks)."
    )


def test_the_page_says_what_can_veto_the_verdict_and_what_cannot(run: Run, tmp_path: Path) -> None:
    html = write_report(run, backtest="default", folder=tmp_path).read_text()
    veto, cannot = html.index("What can veto the verdict"), html.index("What cannot: robustness checks")
    assert veto < html.index("Seeds of each network") < html.index("Held a position") < cannot
    assert cannot < html.index("Minimum backtest length")
    assert "luck alone" not in html


def test_overfitting_is_told_as_what_was_counted() -> None:
    overfit = {"probability": 0.25, "strategies": 12, "blocks": 16, "splits": 12_870}
    sentence = overfitting.picked({"overfitting": overfit})
    assert "pick the best of 12 strategies" in sentence
    assert "in 25.0 % of 12\u202f870 ways to cut, it was in the lower half there" in sentence


def test_answers_for_awkward_numbers() -> None:
    answers = {
        "unit": "day",
        "diebold_mariano": {"p_value": None, "reason": "3 decisions are too few"},
        "direction": {"lstm": {"p_value": None, "reason": "only one direction came"}},
        "superior": {"p_value": 0.0001},
        "confidence_set": {"cash": 0.01, "lstm": 1.0},
        "sharpe": {"lstm": {"deflated": None, "trials": 2}},
        "break_even": {"lstm": {"cost": None}, "simple_rnn": {"cost": -0.001}},
    }
    sentences = [answer(answers) for _, answer in robustness._QUESTIONS]
    assert sentences == [
        "Unknown: 3 decisions are too few.",
        "LSTM: unknown, only one direction came (Pesaran-Timmermann).",
        "Significant, p below 0.001, allowing for the choice of the better network afterwards (Hansen's SPA test).",
        "The best is LSTM, with 95 % confidence.",
        "",
        "",
        "",
        "LSTM did not trade; SimpleRNN lost before any costs.",
        "",
    ]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=500), st.integers(2, 60))
def test_thinning_keeps_the_ends_and_the_extremes(values: list[float], limit: int) -> None:
    series = np.array(values)
    rows = thin(series, limit=limit)
    assert np.all(np.diff(rows) > 0)
    assert len(rows) <= limit + 5
    assert (rows[0], rows[-1]) == (0, len(series) - 1)
    assert (series[rows].min(), series[rows].max()) == (series.min(), series.max())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1234, "12.3 %"),
        (-0.00012, "−0.012 %"),
        (0.0, "0.0 %"),
        (-1e-9, "0.0 %"),
        (8.4e-6, "0.00084 %"),
        (12.5, "1\u202f250.0 %"),
    ],
)
def test_percentages_for_people(value: float, text: str) -> None:
    assert formatting.percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "not set"), (True, "yes"), ([], "none"), ([1, 2], "1, 2"), (0.001, "0.001"), ("x", "x")]
)
def test_settings_for_people(value: object, text: str) -> None:
    assert formatting.value(value) == text


def test_json_in_a_page_can_close_nothing() -> None:
    text = script_json({"</script><!--": "\u2028&"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"</script><!--": "\u2028&"}


def test_charts_are_small_numbers_of_significant_digits() -> None:
    assert equity.rounded(np.array([123456.789, 0.00012345678, 0.0, -1.5])) == [123457.0, 0.000123457, 0.0, -1.5]


def test_the_index_tells_runs_apart(run: Run, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    bare = build_run(runs, name="bare", bars=400, seeds=1, folds=1, backtest=None)
    unfinished = build_run(runs, name="unfinished", bars=400, seeds=1, folds=1, backtest=None)
    (unfinished.folder / "predictions.parquet").unlink()
    damaged = build_run(runs, name="damaged", bars=400, seeds=1, folds=1, backtest=None)
    (damaged.folder / "run.json").write_text("{")
    write_report(run, backtest="default", folder=tmp_path)
    html = write_index([run, bare, unfinished, damaged], folder=tmp_path).read_text()
    assert f'<a href="{run.name}.html">' in html
    assert "No backtest yet: forecast backtest bare" in html
    assert "Not finished." in html
    assert "Cannot be read: run.json of run folder" in html
    assert html.count("<a ") == 1


def test_the_index_reads_only_the_runs_that_have_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"bars": 400, "seeds": 1, "folds": 1}
    runs = [build_run(tmp_path / "runs", name=name, **small) for name in ("one", "other")]
    html = write_index(runs, folder=tmp_path).read_text()
    read = []
    metrics = Run.metrics
    monkeypatch.setattr(Run, "metrics", lambda run, name: read.append((run.name, name)) or metrics(run, name))
    assert write_index(runs, folder=tmp_path).read_text() == html
    assert read == []
    save_backtest(runs[0], "later", bars_per_year=252.0)
    write_report(runs[0], backtest="default", folder=tmp_path)
    read.clear()
    html = write_index(runs, folder=tmp_path).read_text()
    assert set(read) == {("one", "later")}
    assert '<a href="one.default.html">default</a>' in html
    cached = tmp_path / "runs" / ".index.json"
    damaged = json.loads(cached.read_text())
    damaged["runs"]["one"][1][2] = "no picture"
    for content in ('{"version": 0', json.dumps(damaged), "[" * 10**6):
        cached.write_text(content)
        assert write_index(runs, folder=tmp_path).read_text() == html


def test_an_empty_index_says_what_to_do(tmp_path: Path) -> None:
    assert "forecast demo" in write_index([], folder=tmp_path).read_text()


@pytest.mark.parametrize("name", ["bars.parquet", "history.parquet", "backtests/default/ledger.parquet"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    run = build_run(tmp_path / "runs", bars=400, seeds=1, folds=1)
    (run.folder / name).unlink()
    with pytest.raises(RunError, match=Path(name).name):
        write_report(run, backtest="default", folder=tmp_path)
    assert not list(tmp_path.glob("*.html"))


@pytest.mark.parametrize(("name", "part"), [("run.json", "folds"), ("backtests/default/metrics.json", "verdict")])
def test_a_missing_part_is_named(tmp_path: Path, name: str, part: str) -> None:
    run = build_run(tmp_path / "runs", bars=400, seeds=1, folds=1)
    content = json.loads((run.folder / name).read_text())
    del content[part]
    (run.folder / name).with_name("manifest.json").unlink(missing_ok=True)  # of a version without sha256
    (run.folder / name).write_text(json.dumps(content))
    with pytest.raises(RunError, match=f"lacks {part}"):
        write_report(run, backtest="default", folder=tmp_path)


def test_a_fold_without_its_dates_is_a_damaged_run(tmp_path: Path) -> None:
    run = build_run(tmp_path / "runs", bars=400, seeds=1, folds=1)
    content = json.loads((run.folder / "run.json").read_text())
    del content["folds"][0]["test"]
    (run.folder / "run.json").write_text(json.dumps(content))
    with pytest.raises(RunError, match="do not hold 'test'"):
        write_report(run, backtest="default", folder=tmp_path)


def arguments(run: Run, reports: Path, *more: str) -> list[str]:
    return ["--data-dir", str(run.folder.parent.parent), "--reports-dir", str(reports), "report", *more]


def test_the_command_writes_page_and_index_and_says_where(run: Run, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, arguments(run, tmp_path, "--json"))
    answer = json.loads(result.stdout)
    assert Path(answer["report"]).stat().st_size == answer["bytes"]
    assert Path(answer["index"]) == tmp_path / "index.html"
    assert answer["verdict"].startswith("Skill: inconclusive")
    plain = CliRunner().invoke(cli, arguments(run, tmp_path, run.name, "--backtest", "default"))
    assert plain.stdout.startswith(answer["report"])
    assert plain.stderr.strip() == answer["verdict"]


def test_without_a_backtest_it_says_how_to_make_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = build_run(tmp_path / "runs", bars=400, seeds=1, folds=1, backtest=None)
    assert command_line(arguments(bare, tmp_path)) == 2
    assert f"Make one: forecast backtest {bare.name}." in capsys.readouterr().err
    assert command_line(arguments(bare, tmp_path, "nosuchrun")) == 2


def test_an_unknown_backtest_is_answered_with_the_known_ones(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line(arguments(run, tmp_path, "--backtest", "other")) == 2
    assert "out of default, got 'other'" in capsys.readouterr().err


def test_the_network_library_stays_out(run: Run, tmp_path: Path) -> None:
    program = (
        "import sys; from forecast.__main__ import run; code = run(sys.argv[1:]); "
        "print(code, *({'keras', 'tensorflow', 'arch', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments(run, tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0"


@pytest.mark.parametrize(
    ("change", "suggested"),
    [({}, True), ({"layers": 2}, True), ({"models": ["gru"]}, True), ({"split": "combinatorial"}, False)],
)
def test_only_what_can_be_looked_into_is_suggested(
    context: PageContext, change: dict[str, object], suggested: bool
) -> None:
    other = replace(context, about={**context.about, "config": {**context.about["config"], **change}})
    assert run_page._inspectable(other) is suggested


def test_the_pictures_of_an_inspection_stand_in_the_report_and_otherwise_how_to_get_them(tmp_path: Path) -> None:
    run = build_run(tmp_path / "runs", bars=400, seeds=1, folds=1)
    plain = write_report(run, backtest="default", folder=tmp_path).read_text()
    assert f"forecast inspect {run.name}" in plain
    assert 'data-chart="memory-gradient"' not in plain
    figure = {"data": [{"type": "scatter", "x": [0, 1], "y": [1.0, 0.5]}], "layout": {}, "alt": "Half is left."}
    texts = {"sentence": "Your window is 30 bars: <b>9</b>.", "details": "", "told": "Half of it.", "network": "LSTM"}
    write_json(
        run.folder / "inspection" / "pictures.json",
        {**texts, "figures": dict.fromkeys(("gradient", "occlusion"), figure)},
    )
    page = write_report(run, backtest="default", folder=tmp_path).read_text()
    assert 'data-chart="memory-gradient" role="img" aria-label="Half is left."' in page
    assert 'data-chart="memory-occlusion"' in page
    assert "Your window is 30 bars: &lt;b&gt;9&lt;/b&gt;." in page
    assert f"forecast inspect {run.name}" not in page
    (run.folder / "inspection" / "pictures.json").write_text("{}")
    with pytest.raises(RunError, match="do not hold 'figures'"):
        write_report(run, backtest="default", folder=tmp_path)


def test_the_list_of_runs_names_the_first_of_many_features() -> None:
    assert index._brief(["return", "range", "momentum_5", "momentum_20", "volatility", "duration"]) == (
        "return, range, momentum_5 and 3 more"
    )
    assert index._brief(["return", "range"]) == "return, range"


def test_what_would_change_an_inconclusive_answer_is_one_sentence(
    context: PageContext,
) -> None:
    content = context.metrics["verdict"]
    larger = {"days": 0.04, "symbols": 0.05, "seeds": 0.06}
    inconclusive = {"answer": "inconclusive", "reason": "interval_contains_zero", "larger": larger, "attribution": None}
    rows = [{**comparison, **inconclusive} for comparison in content["comparisons"]]
    verdict = Verdict.from_json({**content, "comparisons": rows})
    say = functools.partial(what_would_change, amount="{:.0%} per year".format)
    assert say(verdict, several_symbols=False) == (
        "Smaller differences would be found (80 % power) with four times the days of data (rank IC 0.040, 4% per "
        "year), with a panel of 10 such symbols that correlate by 0.2 (rank IC 0.050, 5% per year) or with four times "
        "the seeds (rank IC 0.060, 6% per year); lower costs change the difference in money itself, another label "
        "(--horizon) both differences."
    )
    assert "a panel" not in say(verdict, several_symbols=True)
    rows = [{**row, "reason": "single_seed", "larger": None} for row in rows]
    verdict = Verdict.from_json({**content, "comparisons": rows})
    assert say(verdict, several_symbols=False) == "An answer takes two seeds or more of each network (--seeds 3)."


def test_dates_options_and_percentages_are_kept_on_one_line_and_markup_stays_text():
    sentence = "From 2001-02-03 (--horizon), p = 0.02 and 3 %, not well-known <b>-- 12--units"
    assert unbroken(sentence).split("\u00a0") == [
        'From <span class="unbroken">2001-02-03</span> <span class="unbroken">(--horizon),</span> p', "=",
        "0.02 and 3", "%, not well-known &lt;b&gt;-- 12--units",
    ]  # fmt: skip
