"""One file with the settings of all commands: read by each, checked as a whole, with a schema for editors."""

import json

import pytest

from forecast.__main__ import run
from pipelines.store.store import Store
from tests.helpers.command_line import only_line

DAILY = "date,open,high,low,close,volume\n" + "".join(f"2012-01-0{day},1,1,1,1,5\n" for day in (3, 4, 5, 6))


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setattr("sys.platform", "linux")
    (tmp_path / "prices.csv").write_text(DAILY)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    return tmp_path


def write(project, text):
    (project / "forecast.toml").write_text(text)


def test_a_projects_file_gives_each_command_its_table_and_the_command_line_wins(project, capsys):
    write(
        project,
        f"""
        [workspace]
        data_dir = "prices"
        [fetch]
        source = "csv"
        file = "{project / "prices.csv"}"
        start = 2012-01-04
        [train]
        start = 2012-01-04
        window = 60
        [backtest]
        fee-bps = 0.5
        """,
    )
    assert run(["fetch", "ACME"]) == 0
    assert len(Store(project / "prices" / "store").read_bars("ACME")) == 3
    assert run(["fetch", "BETA", "--start", "2012-01-05"]) == 0
    assert len(Store(project / "prices" / "store").read_bars("BETA")) == 2
    capsys.readouterr()
    assert run(["train", "NONE"]) == 2
    assert "got NONE" in only_line(capsys.readouterr().err)
    assert run(["config", "check"]) == 0
    assert "7 settings in workspace, fetch, train, backtest, all understood." in capsys.readouterr().out
    assert run(["config", "show", "--json"]) == 0
    rows = {(row["command"], row["setting"]): row for row in json.loads(capsys.readouterr().out)}
    assert rows["train", "window"]["value"] == 60
    assert rows["workspace", "data_dir"] == {
        "command": "workspace", "setting": "data_dir", "value": str(project / "prices"),
        "source": str(project / "forecast.toml"),
    }  # fmt: skip
    assert rows["workspace", "reports_dir"]["source"].startswith("beside")


def test_a_file_of_tables_is_read_by_config_too_and_a_flat_one_as_before(project, capsys):
    path = project / "all.toml"
    path.write_text('[train]\nwindow = "x"\n[power]\n')
    assert run(["train", "AAPL", "--config", str(path)]) == 2
    assert "Expected window as a whole number" in only_line(capsys.readouterr().err)
    path.write_text("window = 60\nfolds = 3\nstart = 2012-01-04\n")
    assert run(["config", "check", str(path)]) == 0
    output = capsys.readouterr().out
    assert "3 settings, understood by" in output
    assert "train" in output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[trian]\nwindow = 3", "Did you mean train?"),
        ("window = 3", "Expected tables out of"),
        ("[train]\nwindw = 3", "Did you mean window?"),
        ("[train]\nwindow = 0", "Expected window as a whole number from 1 to 5000, got 0"),
        ("[train]\nstart = 5", "Expected start as a date like 2020-12-31, got 5"),
        ("[train]\nlayer-norm = 1", "Expected layer_norm as true or false, got 1"),
        ("[fetch]\nstart = 'x'", "Expected start as a date like 2020-12-31, got 'x'"),
        ("[signal]\ncash = -1", "-1.0 is not in the range"),
        ("[train", "Expected TOML in"),
    ],
)
def test_what_is_wrong_in_a_file_is_one_line_with_its_name(project, capsys, text, message):
    write(project, text)
    assert run(["config", "check"]) == 2
    line = only_line(capsys.readouterr().err)
    assert message in line
    assert run(["--help"]) == 0


def test_without_a_file_check_says_so_and_show_has_the_defaults(project, capsys):
    assert run(["config", "check"]) == 2
    assert "Expected a file, got none" in only_line(capsys.readouterr().err)
    assert run(["config", "show"]) == 0
    assert "default" in capsys.readouterr().out


def test_the_schema_says_what_the_parser_takes(project, capsys):
    assert run(["config", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    train = schema["properties"]["train"]
    assert not train["additionalProperties"]
    assert train["properties"]["window"]["minimum"] == 1
    assert train["properties"]["start"]["format"] == "date"
    one, several = train["properties"]["model"]["anyOf"]
    assert "lstm" in one["anyOf"][0]["enum"]
    assert several == {"type": "array", "items": one}
    assert train["properties"]["layer-norm"]["type"] == "boolean"
    assert schema["properties"]["fetch"]["properties"]["decimal"]["enum"] == [".", ","]
    assert set(schema["properties"]["workspace"]["properties"]) == {"data_dir", "reports_dir", "store"}
    assert "json" not in train["properties"]
