"""A run as one of MLflow's, read back with MLflow's own client; skipped where MLflow is not installed."""

import importlib.util
import sys
from pathlib import Path

import pytest

from forecast.runs.run import Run
from forecast.serving.mlflow_export import export_to_mlflow
from pipelines.errors import ConfigError
from tests.helpers.report_fixtures import build_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return build_run(tmp_path / "runs", bars=400, seeds=1, folds=1)


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is not None, reason="MLflow is installed")
def test_without_mlflow_the_extra_is_named(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"pip install 'tick-forecast\[mlflow\]'"):
        export_to_mlflow(run, folder=tmp_path / "mlflow", page=None)
    assert not (tmp_path / "mlflow").exists()


@pytest.mark.filterwarnings("ignore")  # of MLflow's own imports
def test_a_run_exported_twice_is_one_run_with_its_settings_numbers_and_files(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    pytest.importorskip("alembic")
    page = tmp_path / "page.html"
    page.write_text("<p>")
    export_to_mlflow(run, folder=tmp_path / "mlflow", page=None)
    written = export_to_mlflow(run, folder=tmp_path / "mlflow", page=page)
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=written.tracking)
    experiment = client.get_experiment_by_name(run.symbol)
    (stored,) = client.search_runs([experiment.experiment_id])
    assert stored.info.run_name == run.name
    assert stored.data.params["window"] == str(run.describe()["config"]["window"])
    assert len(stored.data.params) == written.parameters
    sharpe = run.metrics("default")["performance"]["lstm"]["ensemble"]["sharpe"]
    assert stored.data.metrics["lstm/sharpe"] == pytest.approx(sharpe)
    curve = client.get_metric_history(written.run_id, "lstm/val_loss")
    assert [point.step for point in curve] == sorted(set(run.history()["epoch"]))
    files = {Path(file.path).name for file in client.list_artifacts(written.run_id)}
    assert files == {"run.json", "predictions.parquet", "page.html"}
    telemetry = sys.modules.get("mlflow.telemetry.client")
    assert telemetry is None or telemetry.get_telemetry_client() is None
