import errno
import re
import shlex
import subprocess
import sys
from importlib import import_module

import click
import pytest

from forecast.__main__ import run
from tests.helpers.command_line import command_line, environment, forecast, only_line

COMMANDS = [
    "demo",
    "fetch",
    "data",
    "train",
    "backtest",
    "signal",
    "inspect",
    "power",
    "export",
    "report",
    "doctor",
]


def test_help_names_every_command_and_imports_none_of_them():
    program = (
        "import sys\nfrom forecast.__main__ import run\ncode = run(['--help'])\n"
        "heavy = {'numpy', 'pandas', 'keras', 'tensorflow', 'rich', 'deltalake'} & set(sys.modules)\n"
        "print(code, sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment())
    assert done.stdout.splitlines()[-1] == "0 []"
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name, capsys):
    assert run([name, "--help"]) == 0
    output = capsys.readouterr().out
    assert "Example" in output
    assert f"forecast {name}" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "Expected one of the commands"),
        (["train"], "Missing argument 'SYMBOL...'"),
        (["train", "AAPL", "--window", "abc"], "Expected window as a whole number from 1 to 5000, got 'abc'"),
        (["train", "AAPL", "--window", "0"], "Expected window as a whole number from 1 to 5000, got 0"),
        (["train", "AAPL", "--jobs", "0"], "Expected jobs as a whole number from 1, got 0"),
        (["train", "AAPL", "--model", "gpt"], "Expected models out of simple_rnn, lstm"),
        (
            ["train", "AAPL", "--model", "lstm_in_step", "--bidirectional"],
            "Expected lstm_in_step without bidirectional",
        ),
        (["train", "AAPL", "--dropout", "1"], "Expected dropout as a number from 0 to below 1, got 1"),
        (["train", "AAPL", "--bars", "500"], "Expected"),
        (["train", "AAPL", "--start", "2020-02-01", "--end", "2020-01-01"], "Expected start before end"),
        (["train", "AAPL", "--config", "none.toml"], "Expected a TOML file, found none at none.toml"),
        (["train", "AAPL"], "Expected a symbol in the store"),
        (["train", "../../x"], "Expected a symbol of 1 to 32 letters"),
        (["backtest"], "Expected a run in"),
        (["backtest", "--threshold", "0.7"], "Expected threshold as a number from 0 to below 0.5, or auto, got 0.7"),
        (["backtest", "--fee-bps", "-1"], "Expected fee_bps as a number from 0 to below 10000, got -1"),
        (["backtest", "--policy", "both"], "Expected policy out of long-flat, long-short, and for a panel"),
        (["backtest", "a/b"], "Expected a symbol of 1 to 32 letters"),
        (
            ["signal", "AAPL-1d-0000000000"],
            "or latest, got 'AAPL-1d-0000000000'",
        ),
        (["report"], "Expected a run in"),
        (["power", "--market", "lag-x"], "Expected a market out of none, shuffled, memory, lag-1"),
        (["power", "--half-spread-bps", "auto"], "Expected half_spread_bps as a number for power"),
        (
            ["backtest", "--half-spread", "wide"],
            "Expected half_spread_bps as a number from 0 to below 10000, or auto",
        ),
        (["backtest", "--borrow-rate", "-1"], "Expected borrow_rate as a number from 0 to 10, got -1"),
        (
            ["backtest", "--sizing", "kelly", "--max-leverage", "0"],
            "Expected max_leverage as a number above 0 to 20, got 0",
        ),
        (["power", "--edge", "1.5"], "Expected edges as a number above 0 and below 1, got 1.5"),
        (["power", "--n-bars", "150"], "Expected 50 train rows in every fold"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["--data-dir", str(tmp_path / "data"), *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    line = only_line(captured.err)
    assert line.startswith("Error: ")
    assert message in line
    assert not (tmp_path / "data" / "runs").exists()


def test_a_traceback_is_shown_with_debug_only(tmp_path, capsys):
    assert run(["--debug", "--data-dir", str(tmp_path), "backtest"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_file_where_a_folder_is_needed_is_named(tmp_path, capsys):
    (tmp_path / "data").write_text("")
    assert run(["--data-dir", str(tmp_path / "data"), "fetch", "AAPL", "--source", "sample"]) == 2
    assert str(tmp_path / "data") in only_line(capsys.readouterr().err)


def test_doctor_says_what_is_here(tmp_path, capsys):
    import json

    assert run(["--data-dir", str(tmp_path / "data"), "--reports-dir", str(tmp_path), "doctor", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["store"] == "empty"
    assert answer["runs"] == "0 (0 unfinished, 0 unreadable)"
    assert answer["versions"]["keras"].startswith("3.")
    assert run(["--data-dir", str(tmp_path / "data"), "doctor"]) == 0
    assert "tensorflow" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("window = = 3", "Expected TOML in"),
        ("colour = 1", "got colour"),
        ("fresh = true", "got fresh"),
        ("window = true", "Expected window as a whole number from 1 to 5000, got True"),
        ("bidirectional = true\nmodel = 'gru_in_step'", "Expected gru_in_step without bidirectional"),
        ("window = [1, 2]", "Expected window as a whole number from 1 to 5000, got 1, 2"),
        ('window = "abc"', "Expected window as a whole number from 1 to 5000, got 'abc'"),
        ("start = 2010", "Expected start as a date like 2020-12-31, got 2010"),
        ('model = "gpt"', "_one_to_one, or module:function of your own, each once, got gpt"),
        ("jobs = 0", "Expected jobs as a whole number from 1, got 0"),
    ],
)
def test_a_config_file_is_checked_like_the_command_line(content, message, tmp_path, capsys):
    path = tmp_path / "experiment.toml"
    path.write_text(content)
    assert run(["--data-dir", str(tmp_path / "data"), "train", "AAPL", "--config", str(path)]) == 2
    assert message in only_line(capsys.readouterr().err)


def test_a_config_file_may_name_the_symbol_and_the_costs(tmp_path, capsys):
    path = tmp_path / "experiment.toml"
    path.write_text('symbol = "nope"\nfee-bps = -3\n')
    assert run(["--data-dir", str(tmp_path / "data"), "backtest", "--config", str(path)]) == 2
    assert "Expected fee_bps as a number from 0 to below 10000, got -3" in only_line(capsys.readouterr().err)
    path.write_text('symbol = ["nope"]\n')
    assert run(["--data-dir", str(tmp_path / "data"), "train", "--config", str(path)]) == 2
    assert "got NOPE" in only_line(capsys.readouterr().err)


@pytest.mark.parametrize("name", ["train", "backtest", "power"])
def test_help_shows_every_option_once_and_under_a_heading(name, capsys):
    command = import_module(f"forecast.cli.commands.{name}").command
    assert run([name, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [re.split(r"\s{2,}", line.strip())[0] for line in lines if line.startswith("  -")]
    listed_options = [word for spelling in names for word in re.split(r"[ ,]+", spelling)]
    options = [parameter.opts[0] for parameter in command.params if isinstance(parameter, click.Option)]
    assert [listed_options.count(option) for option in options] == [1] * len(options)
    assert {"Networks:", "Where it runs:"} <= set(lines)


@pytest.mark.parametrize("megabytes", [200, 700, 1_400])
def test_an_address_space_that_is_too_small_is_one_line(tmp_path, megabytes):
    line = f"ulimit -v {megabytes * 1024}; exec {shlex.join(command_line(tmp_path, 'data', 'list'))}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment(), cwd=tmp_path)
    assert done.returncode == 2
    assert "Expected at least 1.5 GB of address space, got" in only_line(done.stderr)


def test_memory_that_runs_out_is_one_line(tmp_path, monkeypatch, capsys):
    from pipelines.store.store import Store

    def full(store):
        raise MemoryError

    monkeypatch.setattr(Store, "catalogue", full)
    assert run(["--data-dir", str(tmp_path), "data", "list"]) == 2
    assert "Expected more memory than there is" in only_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            IsADirectoryError(errno.EISDIR, "Is a directory", "runs/.trials.head"),
            "runs/.trials.head: a folder is where a file is needed. Move it away and run the same command again.",
        ),
        (
            OSError(errno.ELOOP, "Too many levels of symbolic links", "store/.locks/act-A.lock"),
            "store/.locks/act-A.lock: a symbolic link is where a file is needed. Move it away and run the same "
            "command again.",
        ),
        (
            OSError(errno.EMFILE, "Too many open files"),
            "Expected more open files, threads or processes than are allowed here.",
        ),
        (RuntimeError("can't start new thread"), "Expected more open files, threads or processes than are allowed"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "Expected more memory than there is."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_this_system_lacks_is_one_line(monkeypatch, capsys, error, message):
    def fail(**options):
        raise error

    monkeypatch.setattr("forecast.__main__.cli.main", fail)
    assert run(["backtest"]) == 2
    assert only_line(capsys.readouterr().err).startswith(f"Error: {message}")


def test_a_panic_of_the_library_of_the_store_is_one_line(tmp_path):
    assert forecast(tmp_path, "fetch", "AAPL", "--source", "sample") == 0
    line = f"ulimit -n 12; exec {shlex.join(command_line(tmp_path, 'data', 'list'))}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment(), cwd=tmp_path)
    assert done.returncode == 2
    assert "Expected more open files, threads or processes than are allowed here." in done.stderr
    assert "Traceback" not in done.stderr
