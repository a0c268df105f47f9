"""A run is used only when its files are the ones that were written, and one that cannot tell says so."""

import json

import numpy as np
import pandas as pd
import pytest

from forecast.config.trading import TradingConfig
from forecast.evaluation.backtest import evaluate
from forecast.runs import integrity
from forecast.runs.manifest import digest, sealed
from forecast.runs.run import BOUND
from pipelines.errors import RunError
from tests.helpers.checkpoint_files import reseal
from tests.helpers.finished_runs import finished_run


@pytest.fixture
def run(tmp_path):
    return finished_run(tmp_path / "runs")


def rewritten(path, **changes):
    """The JSON object of a file with other values, None taking a key away."""
    content = json.loads(path.read_text()) | changes
    return {name: value for name, value in content.items() if value is not None}


def test_a_run_as_it_was_written_is_verified_and_its_certificate_names_its_files(run):
    assert integrity.check(run) == integrity.Integrity(verified=True)
    assert set(run.certificate()["files"]) == set(BOUND)


@pytest.mark.parametrize("name", [*BOUND, "history.parquet", "certificate.json"])
def test_any_file_that_changed_or_went_is_refused_by_name(run, name):
    path = run.folder / name
    content = path.read_bytes()
    for place in np.random.default_rng(0).integers(0, len(content), 3):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(RunError, match=f"{name} of run folder .* was changed. Expected sha256"):
            integrity.check(run)
    path.unlink()
    with pytest.raises(RunError, match=f"{name} of run folder .* is missing"):
        integrity.check(run)


def test_bars_exchanged_together_with_their_sha256_in_run_json_do_not_fit_the_certificate(run):
    path = run.folder / "bars.parquet"
    pd.read_parquet(path).assign(volume=1.0).to_parquet(path, index=False)
    certificate = (run.folder / "certificate.json").read_bytes()
    reseal(run)
    (run.folder / "certificate.json").write_bytes(certificate)
    described = json.loads((run.folder / "run.json").read_text())
    described["files"]["certificate.json"] = digest(certificate)
    (run.folder / "run.json").write_text(json.dumps(sealed(described)))
    with pytest.raises(RunError, match=r"bars\.parquet of run folder .* was changed"):
        integrity.check(run)


@pytest.mark.parametrize("lacking", [("files",), ("sha256",), ("files", "sha256")])
def test_a_run_json_that_lost_its_digests_does_not_pass_for_an_old_run(run, lacking):
    path = run.folder / "run.json"
    path.write_text(json.dumps(rewritten(path, **dict.fromkeys(lacking))))
    with pytest.raises(RunError, match=r"run\.json of run folder .* cannot be read \(it lacks"):
        integrity.check(run)


def test_a_certificate_taken_out_of_run_json_as_well_is_still_missed(run):
    described = json.loads((run.folder / "run.json").read_text())
    del described["files"]["certificate.json"]
    (run.folder / "run.json").write_text(json.dumps(sealed(described)))
    (run.folder / "certificate.json").unlink()
    with pytest.raises(RunError, match=r"certificate\.json of run folder .* is missing"):
        integrity.check(run)


def test_a_run_of_an_earlier_version_is_used_and_said_to_be_unverified(run):
    path = run.folder / "run.json"
    path.write_text(json.dumps(rewritten(path, format=None, files=None, sha256=None)))
    checked = integrity.check(run)
    assert not checked.verified
    assert "earlier version (0.1.0) that recorded no sha256" in checked.reason


def test_numbers_of_a_backtest_are_not_believed_without_the_sha256_of_its_files(run):
    saved = evaluate(run, rules=TradingConfig())
    folder = run.folder / "backtests" / saved.name
    (folder / "manifest.json").write_text("{}")
    (folder / "metrics.json").write_text((folder / "metrics.json").read_text().replace("inconclusive", "better"))
    with pytest.raises(RunError, match=r"manifest\.json of run folder .* cannot be read \(it lacks sha256 and files"):
        run.metrics(saved.name)
