"""Where a workspace's places lie, and what the environment says of them."""

import os
from pathlib import Path

import pytest

from forecast.workspace import Workspace, user_file
from pipelines.errors import ConfigError
from tests.helpers.command_line import only_line


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project below a folder, and a file of the user's own elsewhere; nothing else is around."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setattr("sys.platform", "linux")
    (tmp_path / "project" / "deep" / "er").mkdir(parents=True)
    (tmp_path / "settings" / "forecast").mkdir(parents=True)
    (tmp_path / "project" / "forecast.toml").touch()
    monkeypatch.chdir(tmp_path / "project" / "deep" / "er")
    return tmp_path / "project"


def test_every_place_lies_below_the_two_folders():
    workspace = Workspace(data_dir="d", reports_dir="r")
    assert workspace.store == Path("d/store")
    assert (workspace.origins, workspace.runs, workspace.live) == (Path("d/origins"), Path("d/runs"), Path("d/live"))
    assert (workspace.calibrations, workspace.benchmark) == (Path("d/calibrations"), Path("d/benchmark"))
    assert workspace.page("a-run") == Path("r/a-run.html")


def test_a_store_may_be_elsewhere():
    assert Workspace(data_dir="d", store="s3://bucket/prices").store == "s3://bucket/prices"


def test_the_environment_names_the_default_workspace(monkeypatch):
    assert Workspace.default() == Workspace(data_dir="data", reports_dir="reports")
    monkeypatch.setenv("FORECAST_DATA", "/d")
    monkeypatch.setenv("FORECAST_REPORTS", "/r")
    monkeypatch.setenv("FORECAST_STORE", "")
    assert Workspace.default() == Workspace(data_dir="/d", reports_dir="/r")
    monkeypatch.setenv("FORECAST_STORE", "s3://bucket/prices")
    assert Workspace.default().store == "s3://bucket/prices"


def test_equal_places_are_equal_workspaces():
    assert Workspace(data_dir=Path("d")) == Workspace(data_dir="d")
    assert len({Workspace(data_dir=Path("d")), Workspace(data_dir="d")}) == 1


def test_from_any_folder_of_a_project_its_own_data_are_meant(project):
    expected = Workspace(data_dir=project / "data", reports_dir=project / "reports")
    assert Workspace.default() == expected
    os.chdir(project)
    assert Workspace.default() == expected


def test_a_project_may_say_where_its_places_are(project, monkeypatch):
    (project / "forecast.toml").write_text('[workspace]\ndata-dir = "../d"\nstore = "s3://bucket/prices"\n')
    workspace = Workspace.default()
    assert (workspace.data_dir, workspace.reports_dir) == (project / ".." / "d", project / "reports")
    assert workspace.store == "s3://bucket/prices"
    monkeypatch.setenv("FORECAST_DATA", "/elsewhere")  # comes first, and brings its own store
    assert Workspace.default() == Workspace(data_dir="/elsewhere", reports_dir=project / "reports")


def test_the_users_own_file_is_asked_where_no_project_is(project):
    user_file().write_text('[workspace]\ndata_dir = "~/prices"\nstore = "/s"\n')
    assert Workspace.default() == Workspace(data_dir=project / "data", reports_dir=project / "reports")
    (project / "forecast.toml").unlink()
    assert Workspace.default() == Workspace(data_dir=Path.home() / "prices", store=Path("/s"))
    user_file().unlink()
    assert Workspace.default() == Workspace()


@pytest.mark.parametrize(
    "content",
    ["[workspace]\nother = 1", "[workspace]\ndata_dir = 1", "workspace = 1", "[[[", "[workspace]\nstore = []"],
)
def test_a_file_that_says_something_else_is_refused_in_one_line(project, content, capsys):
    from forecast.__main__ import run

    (project / "forecast.toml").write_text(content)
    with pytest.raises(ConfigError, match=r"Expected .*forecast\.toml"):
        Workspace.default()
    assert run(["data", "list"]) == 2
    assert "forecast.toml" in only_line(capsys.readouterr().err)
    assert run(["--help"]) == 0


def test_the_command_line_wins_over_files_and_environment(project, monkeypatch, capsys):
    from forecast.__main__ import run

    (project / "forecast.toml").write_text('[workspace]\nstore = "/nowhere"\n')
    for arguments, place in (
        ([], "/nowhere"),
        (["--data-dir", "mine"], "mine/store"),
        (["--data-dir", "mine", "--store", "s"], "s"),
    ):
        assert run([*arguments, "data", "list"]) == 0
        assert f"The store at {place} is empty" in capsys.readouterr().err
