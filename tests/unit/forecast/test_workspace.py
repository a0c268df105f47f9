"""Where a workspace's places lie, and what the environment says of them."""

from pathlib import Path

from forecast.workspace import Workspace


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
