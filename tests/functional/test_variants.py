"""What a run can be asked for besides the usual, through the command line within this process."""

import json
import shutil

import numpy as np
import pytest

from forecast.config.experiment import Experiment
from forecast.config.trading import TradingConfig
from forecast.datasets.lookahead_audit import truncated
from forecast.diagnostics.loader import open_subject
from forecast.evaluation.backtest import evaluate
from forecast.runs import trial_log
from forecast.runs.catalog import open_run
from forecast.serving import live
from forecast.serving.evening import ask_all
from forecast.serving.journal import Journal
from forecast.serving.loader import load_members, source_now
from forecast.serving.panel_signal import panel_signal
from forecast.serving.signal import outlook, rules_of
from pipelines.store.store import Store
from tests.helpers.command_line import SMALL, forecast_here, only_line

FEW = (
    "--folds", "2", "--seeds", "1", "--epochs", "3", "--units", "4", "--window", "10", "--end", "2003-12-31",
    "--model", "simple_rnn", "--baseline", "previous_sign",
)  # fmt: skip


@pytest.fixture
def copy(trained, tmp_path):
    """The trained folder, to be changed."""
    shutil.copytree(trained / "data", tmp_path / "data")
    return tmp_path


def newest(folder):
    return open_run(folder / "data" / "runs")


def test_one_symbol_named_twice_is_trained_once_and_a_damaged_run_is_passed_over(copy):
    broken = copy / "data" / "runs" / "MSFT-1d-0000000000"
    broken.mkdir()
    (broken / "run.json").write_text("{}")
    done = forecast_here(copy)("train", "AAPL", "aapl", *SMALL)
    assert done.stdout.count("is trained") == 1
    assert "AAPL" in forecast_here(copy)("backtest", "AAPL").stdout


def test_a_symbol_that_is_missing_is_said_before_anything_is_begun(copy):
    before = sorted((copy / "data" / "runs").iterdir())
    line = only_line(forecast_here(copy)("train", "MSFT", "NOPE", *SMALL, code=2).stderr)
    assert "Expected a symbol in the store (AAPL, MSFT), got NOPE" in line
    assert sorted((copy / "data" / "runs").iterdir()) == before


def test_backtest_of_a_symbol_without_a_run_trains_one_first(copy):
    done = forecast_here(copy)("backtest", "msft", *SMALL, "--seeds", "1")
    assert newest(copy).describe()["config"]["symbol"] == "MSFT"
    assert "MSFT" in done.stdout


def test_a_config_file_says_what_the_command_line_can_say_and_the_command_line_wins(copy):
    (copy / "experiment.toml").write_text(
        'window = 10\nfolds = 2\nseeds = 1\nepochs = 3\nunits = 3\nmodel = "lstm"\nend = 2003-12-31\npatience = 0\n'
    )
    forecast_here(copy)("train", "AAPL", "--config", str(copy / "experiment.toml"), "--units", "4")
    config = newest(copy).describe()["config"]
    assert (config["units"], config["models"], config["end"], config["folds"]) == (4, ["lstm"], "2003-12-31", 2)


def test_a_combinatorial_run_shows_its_paths_and_gives_no_verdict(copy):
    forecast = forecast_here(copy)
    options = ("--split", "combinatorial", "--groups", "4", "--test-groups", "2", "--seeds", "1")
    forecast("train", "AAPL", *SMALL, *options)
    run = newest(copy)
    rows = run.predictions()
    assert set(rows["seed"]) == {0, 1, 2}  # C(4, 2) x 2 / 4 paths
    assert rows.groupby(["model", "seed"])["decided_at"].nunique().nunique() == 1
    assert run.certificate()["passed"]
    sentences = forecast("backtest").stdout.strip().splitlines()
    assert sentences[0].startswith(
        "No verdict: on AAPL, 2000–2003 each network was trained on later bars than it was tested on"
    )
    assert "Sharpe ratios over the paths: of " in sentences[1]
    assert len(run.metrics(run.backtests()[-1])["paths"]["difference"]["sharpe"]["paths"]) == 3
    page = (copy / "reports" / f"{run.name}.html").read_text()
    assert "Over the paths" in page
    assert "nobody could have earned this" in page
    assert "forecast inspect" not in page
    for command in ("signal", "inspect"):
        assert "Expected a walk-forward run" in only_line(forecast(command, code=2).stderr)


def test_a_panel_is_one_run_with_one_certificate_one_trial_and_its_weights_once(copy):
    forecast = forecast_here(copy)
    across = ("--feature", "return", "--feature", "rank:range", "--feature", "relative:return", "--with", "IBM")
    forecast("fetch", "IBM", "--source", "sample")
    options = (*SMALL, *across, "--seeds", "1", "--global-model")
    before = sorted((copy / "data" / "runs").glob("*/run.json"))
    done = json.loads(forecast("train", "AAPL", "MSFT", *options, "--json").stdout)
    (entry,) = done["runs"]
    run = open_run(copy / "data" / "runs", entry["run"])
    assert len(list((copy / "data" / "runs").glob("*/run.json"))) == len(before) + 1
    assert run.symbol == "AAPL_MSFT"
    assert list(run.describe()["panel"]["symbols"]) == ["AAPL", "MSFT"]
    assert run.certificate()["passed"]
    assert run.certificate()["retrained"] == 2  # both networks, on the panel as it stood in the first test block
    assert run.certificate()["audited"] == ["AAPL", "MSFT"]
    lines = [trial for trial in trial_log.read(copy / "data" / "runs").trials if trial.run == run.name]
    assert [(trial.kind, trial.symbols) for trial in lines] == [("training", ("AAPL", "MSFT"))]
    settings = Experiment.from_options({**run.describe()["config"], "symbol": "AAPL"})
    assert lines[0].configuration == settings.fingerprint()  # newer bars are no other try, as for one symbol
    assert len(list((run.folder / "weights").rglob("*.h5"))) == 2 * 2  # networks x folds
    assert set(run.describe_member("lstm", 1, 0)["scaler"]) == {"AAPL", "MSFT"}
    columns = ["return", "rank:range", "relative:return", "IBM:return", "IBM:range"]
    assert run.describe_member("lstm", 1, 0)["features"] == columns
    joined = run.bars().set_index(["symbol", "closed_at"])[columns[1:]]
    assert (joined.loc["AAPL", "relative:return"] + joined.loc["MSFT", "relative:return"]).abs().max() < 1e-15
    assert (joined.loc["AAPL", "rank:range"] + joined.loc["MSFT", "rank:range"]).eq(1.0).iloc[1:].all()
    assert joined.loc["AAPL", "IBM:return"].equals(joined.loc["MSFT", "IBM:return"])
    rows = run.predictions()
    assert set(rows["symbol"]) == {"AAPL", "MSFT"}
    assert set(rows["model"]) == {"simple_rnn", "lstm", "previous_sign", "logistic"}
    assert not rows.duplicated(["symbol", "model", "fold", "seed", "decided_at"]).any()
    assert set(run.bars()["symbol"]) == {"AAPL", "MSFT"}
    output = forecast("backtest", "--policy", "top-bottom:1").stdout
    assert "On AAPL_MSFT, 2001–2003" in output
    assert "2 symbols on" in output
    assert (copy / "reports" / f"{run.name}.html").exists()
    today = check_rankings(copy, run, forecast)
    refitted = json.loads(forecast("signal", run.name, "--offline", "--refit", "--json", code=3).stdout)
    assert refitted["decided_at"] == today["decided_at"]
    chances = [{row["symbol"]: row["probability"] for row in one["rankings"]["lstm"]} for one in (today, refitted)]
    assert chances[0].keys() == chances[1].keys()
    assert chances[0] != chances[1]  # members that learned from ten years more
    files = json.loads(forecast("export", run.name, "--model", "lstm", "--json").stdout)["files"]
    assert all(file["apart"] <= 1e-5 and file["rows"] > 500 for file in files)  # of both symbols
    exported = json.loads((run.folder / "export" / "export.json").read_text())["input"]
    assert exported["scaled"]
    assert exported["scalers"] == {"1": run.describe_member("lstm", 1, 0)["scaler"]}
    again = json.loads(forecast("train", "MSFT", "AAPL", *options, "--json").stdout)
    assert [run["run"] for run in again["runs"]] == [run.name]
    assert "of a panel" in only_line(forecast("train", "AAPL", "--global-model", code=2).stderr)
    remembered = json.loads(forecast("inspect", run.name, "--json").stdout)
    assert remembered["panel"]
    assert remembered["largest_difference_from_stored_probabilities"] < 1e-5
    assert "--ablation" not in (copy / "reports" / f"{run.name}-memory.html").read_text()


def test_a_panel_of_a_model_per_symbol_is_one_run_with_one_certificate(copy):
    forecast = forecast_here(copy)
    options = (*FEW, "--local-models", "--label", "above-median")
    assert "got both" in forecast("train", "AAPL", "MSFT", *options, "--global-model", code=2).stderr
    forecast("train", "AAPL", "MSFT", *options)
    run = newest(copy)
    assert list(run.describe()["panel"]["symbols"]) == ["AAPL", "MSFT"]
    assert run.certificate()["passed"], run.certificate()["failures"]
    assert run.certificate()["retrained"] == 2  # a member for each of the two audited symbols
    weights = [path.relative_to(run.folder / "weights").as_posix() for path in run.folder.rglob("*.h5")]
    assert len(weights) == 2 * 2  # folds x symbols
    assert "simple_rnn/fold-1/MSFT/seed-0.weights.h5" in weights
    rows = run.predictions()
    assert set(zip(rows["symbol"], rows["model"], strict=True)) == {
        (symbol, model) for symbol in ("AAPL", "MSFT") for model in ("simple_rnn", "previous_sign")
    }
    assert not rows.duplicated(["symbol", "model", "fold", "seed", "decided_at"]).any()
    assert not run.history().duplicated(["model", "fold", "seed", "epoch"]).any()
    lines = [trial for trial in trial_log.read(copy / "data" / "runs").trials if trial.run == run.name]
    assert [trial.kind for trial in lines] == ["training"]
    assert "2 symbols on" in forecast("backtest", "--policy", "top-bottom:1").stdout
    assert "forecast inspect" not in (copy / "reports" / f"{run.name}.html").read_text()
    assert "Train a panel without, or one of its symbols" in only_line(forecast("inspect", code=2).stderr)
    check_decided_days(copy, run)
    check_chosen_thresholds(copy, run)
    assert "with --local-models" in only_line(forecast("export", code=2).stderr)
    assert "got AAPL_MSFT-" in only_line(forecast("signal", run.name, "--offline", "--refit", code=2).stderr)


def test_a_covariate_is_learned_from_and_asked_for_at_each_close(copy):
    forecast = forecast_here(copy)
    forecast("train", "AAPL", *FEW, "--with", "MSFT")
    run = newest(copy)
    assert run.certificate()["passed"], run.certificate()["failures"]
    assert run.describe()["covariates"]["MSFT"]["first"] == run.describe()["data"]["first"]
    forecast("backtest")
    signals = run.backtest(run.backtests()[-1]).signals.query("member == 'ensemble'")
    loaded = load_members(run)
    source = source_now(run, loaded.experiment, Store(copy / "data" / "store"))
    rows = run.predictions()
    day = rows.loc[rows["fold"] == 1, "decided_at"].iloc[100]
    forecast_then = outlook(loaded, truncated(source, np.datetime64(day.tz_convert(None), "ns")), rules=rules_of(run))
    for network in forecast_then.networks:
        decision = signals[(signals["model"] == network.model) & (signals["decided_at"] == day)]
        assert decision["probability"].tolist() == [network.probability]
    subject = open_subject(run)  # made again from the bars that the run keeps
    assert subject.experiment.columns == ("return", "MSFT:return")
    assert np.isfinite(subject.data.windows.values[subject.data.windows.ends]).all()
    line = only_line(forecast("train", "AAPL", *SMALL, "--with", "AAPL", code=2).stderr)
    assert line.endswith("Expected other symbols than AAPL as covariates, each once, got AAPL.")


def check_decided_days(folder, run):
    """A panel's ranking of a day that the run has decided is the backtest's row; one of a later day is made new."""
    signals = run.backtest(run.backtests()[-1]).signals
    store, rules = Store(folder / "data" / "store"), rules_of(run)
    for place in (5, len(signals) // 4):
        day = signals["decided_at"].sort_values().iloc[place * 2]
        ranking = panel_signal(run, store, rules=rules, until=np.datetime64(day.tz_convert(None), "ns")).forecast
        for model, names in ranking.networks.items():
            decisions = signals[(signals["model"] == model) & (signals["decided_at"] == day)].set_index("symbol")
            assert {target.symbol: target.share for target in names} == decisions["target"].to_dict()
            assert {target.symbol: target.probability for target in names} == decisions["probability"].to_dict()
            for target in names:
                assert (target.action in ("buy", "sell")) == (decisions.loc[target.symbol, "signal"] != "hold")


def check_chosen_thresholds(folder, run):
    """A ranking at a decided day follows the thresholds that the backtest has chosen on the validation rows."""
    rules = TradingConfig(threshold="auto", calibration="temperature")
    signals = evaluate(run, rules=rules).signals
    day = signals["decided_at"].sort_values().iloc[len(signals) // 2]
    until = np.datetime64(day.tz_convert(None), "ns")
    ranking = panel_signal(run, Store(folder / "data" / "store"), rules=rules, until=until).forecast
    for model, names in ranking.networks.items():
        decisions = signals[(signals["model"] == model) & (signals["decided_at"] == day)].set_index("symbol")
        assert {target.symbol: target.share for target in names} == decisions["target"].to_dict()


def check_rankings(folder, run, forecast):
    """A panel's ranking of days that the run has decided, and of one that it has not."""
    check_decided_days(folder, run)
    today = json.loads(forecast("signal", run.name, "--offline", "--json", code=3).stdout)
    assert today["decided_at"] > run.predictions()["decided_at"].max().isoformat()
    assert [row["rank"] for row in today["rankings"]["lstm"]] == [1, 2]
    assert sorted(row["share"] for row in today["rankings"]["lstm"]) == [-1.0, 1.0]
    assert "at the close of 2013" in forecast("signal", run.name, "--offline", code=3).stdout
    check_evenings(folder, run)
    assert "is live" in forecast("live", "add", run.name).stdout
    evening = json.loads(forecast("signal", "--all", "--offline", "--cash", "1000", "--json", code=3).stdout)
    (panel,) = evening["runs"]
    ranked = {row["symbol"]: (row["probability"], row["share"]) for row in today["rankings"]["lstm"]}
    assert {row["symbol"]: (row["probability"], row["position"]) for row in panel["names"]} == ranked
    for target in panel["names"]:
        assert target["shares"] == target["order"] == int(1000 * target["position"] / target["price"])
        assert target["signal"] == ("buy" if target["position"] > 0 else "sell")  # nothing was held before
    rows = forecast("signal", "--all", "--offline", "--changed", "--csv", code=3).stdout.splitlines()
    assert sorted(row.split(",")[0] for row in rows) == ["AAPL", "MSFT", "symbol"]
    (entry,) = json.loads(forecast("live", "journal", "MSFT", "--json").stdout)
    assert (entry["run"], sorted(row["symbol"] for row in entry["names"])) == (run.name, ["AAPL", "MSFT"])
    (listed,) = json.loads(forecast("live", "list", "--json").stdout)
    assert (listed["record"]["given"], listed["problem"]) == (1, "")
    forecast("live", "remove", run.name)
    return today


def check_evenings(folder, run):
    """Evenings of a panel in the live set: the journal has the backtest's rows of the same days, each once."""
    saved = run.backtest(run.backtests()[-1])
    rows = saved.signals[saved.signals["model"] == "lstm"].set_index(["decided_at", "symbol"])
    days = rows.index.unique("decided_at").sort_values()[40:43]
    store, rules, place = Store(folder / "data" / "store"), rules_of(run), folder / "evenings"
    live.add(place, run=run.name, symbol=run.symbol, model="lstm", backtest=saved.name, rules=saved.config)
    for day in (*days, days[-1]):
        until = np.datetime64(day.tz_convert(None), "ns")
        evening = ask_all(
            live.read_live(place), ask=lambda _, until=until: panel_signal(run, store, rules=rules, until=until),
            journal=Journal(place), now=until + np.timedelta64(1, "h"),
        )  # fmt: skip
        assert evening.failures == ()
    entries = Journal(place).read().entries
    assert len(entries) == len(days)
    for day, entry in zip(days, entries, strict=True):
        for name in entry.names:
            row, forecast = rows.loc[day, name.symbol], name.traded("lstm")
            assert (forecast.probability, forecast.position) == (row["probability"], row["target"])
    assert evening.answers[0].record.given == len(days)


def test_symbols_that_cannot_take_part_are_named_at_once_and_left_out_when_asked(copy):
    forecast = forecast_here(copy)
    (copy / "list.txt").write_text("AAPL MSFT NOPE  # a comment\nNONE\n")
    options = (f"@{copy / 'list.txt'}", *SMALL, "--seeds", "1", "--global-model")
    line = only_line(forecast("train", *options, code=2).stderr)
    assert "got 2 of 4 that cannot: NONE (" in line
    assert "NOPE (" in line
    assert "Leave them out: --skip-unsuitable." in line
    done = forecast("train", *options, "--skip-unsuitable")
    assert "Left out: NONE (" in done.stderr
    run = newest(copy)
    assert run.symbol == "LIST"
    assert list(run.describe()["panel"]["symbols"]) == ["AAPL", "MSFT"]
    assert list(run.describe()["panel"]["unsuitable"]) == ["NONE", "NOPE"]
    assert run.describe()["config"]["panel"] == ["AAPL", "MSFT"]


def test_a_universe_file_gives_decisions_on_days_of_membership_only(copy):
    forecast = forecast_here(copy)
    (copy / "two.csv").write_text("symbol,from,to\nAAPL,2000-01-01,2003-06-30\nMSFT,,\n")
    options = (f"@{copy / 'two.csv'}", *SMALL, "--seeds", "1")
    assert "Expected --global-model" in forecast("train", *options, code=2).stderr
    forecast("train", *options, "--global-model")
    rows = newest(copy).predictions()
    last = rows.groupby("symbol")["decided_at"].max().dt.strftime("%Y-%m-%d")
    assert last["AAPL"] == "2003-06-30"
    assert last["MSFT"] > "2003-12-01"
    forecast("backtest")
    panel = newest(copy).metrics(newest(copy).backtests()[-1])["panel"]
    assert panel["membership"]
    assert panel["names_per_day"]["min"] == 1


def test_tuned_networks_are_chosen_once_and_every_try_is_counted(copy):
    forecast = forecast_here(copy)
    one_network = SMALL[: SMALL.index("--model")]
    options = (*one_network, "--model", "simple_rnn", "--seeds", "1", "--tuning-trials", "2")
    before = trial_log.read(copy / "data" / "runs").of("AAPL")
    forecast("train", "AAPL", *options)
    run = newest(copy)
    tuned = run.describe()["tuning"]
    assert len(tuned["tried"]) == 2 * 1 * 2  # tries x networks x folds
    assert trial_log.read(copy / "data" / "runs").of("AAPL") == before + 1 + 2 * 2  # the run, and tries x folds
    for choice in tuned["chosen"]:
        member = run.describe_member(choice["model"], choice["fold"], 0)
        assert member["architecture"]["units"] == choice["units"]
        assert member["parameters"] == choice["parameters"]
    assert run.certificate()["passed"]
    forecast("train", "AAPL", *options, "--overwrite", "--jobs", "1")
    assert run.describe()["tuning"] == tuned
    forecast("backtest")
    page = (copy / "reports" / f"{run.name}.html").read_text()
    assert "trials per network and fold" in page
    sizes = sorted({choice["parameters"] for choice in tuned["chosen"]})
    assert f"({' to '.join(map(str, sizes))} parameters)" in page  # of two folds, below a thousand
