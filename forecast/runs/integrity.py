"""Whether a run's files are the ones that its training wrote: asked by every command before it uses a number of them.

sha256 notices damage and carelessness. It holds no secret: who changes a file and recomputes every sha256 after it,
those of the certificate and of run.json included, is not noticed here: forecast.evaluation.recomputation asks the
weights.
"""

from dataclasses import dataclass, replace
from typing import Any

from forecast.config.experiment import Experiment
from forecast.runs.io import damaged
from forecast.runs.manifest import FILES, SEAL, changed, digest, has_digests, read_checked, sealed
from forecast.runs.run import BOUND, CERTIFICATE, PREDICTIONS, Run
from pipelines import user_code
from pipelines.errors import ConfigError, RunError
from pipelines.preprocessing import custom_features


@dataclass(frozen=True, kw_only=True)
class Integrity:
    """verified: whether every file has the sha256 that was written with it. reason: why nobody can say, else empty."""

    verified: bool
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"verified": self.verified, "reason": self.reason}


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedRun:
    """A finished run whose networks can be asked. described: run.json."""

    described: dict[str, Any]
    experiment: Experiment
    integrity: Integrity

    @property
    def ongoing(self) -> Experiment:
        """The experiment without an end."""
        return replace(self.experiment, end=None)


def open_trained(run: Run) -> TrainedRun:
    """What was trained, if this version can ask it.

    Raises:
        RunError: an unfinished or damaged run, a file of it that was changed, or networks without a newest fold.
        ConfigError: features or networks that this version does not know, or code that has changed.
    """
    described = run.describe()
    checked = check(run)
    run.refuse_judged()
    try:
        experiment = Experiment.from_options(described["config"])
    except ConfigError as error:
        raise ConfigError(f"Run {run.name} is not of this version: {error} Train it again.") from error
    if experiment.combinatorial:
        raise RunError(
            f"Expected a walk-forward run, got {run.name} with --split combinatorial. Train with --split expanding."
        )
    custom_features.check_sources(experiment.features, described.get("user_features", {}))
    user_code.check_sources(experiment.models, described.get("user_code", {}))
    return TrainedRun(described=described, experiment=experiment, integrity=checked)


def check(run: Run) -> Integrity:
    """Reads every file of a finished run and compares it with run.json, and the main ones with the certificate.

    A run of a version that wrote no sha256 is not refused, but it is not verified either.

    Raises:
        RunError: an unfinished run, or a file that was changed or removed, the certificate included.
    """
    described = run.describe()
    if PREDICTIONS not in described.get(FILES, {}) and not (run.folder / PREDICTIONS).exists():
        raise RunError(f"Run {run.name} is not finished. Run its 'forecast train' again: it resumes.")
    certificate = run.certificate()
    if not has_digests(described):
        version = str(described["versions"].get("tick-forecast", "unknown"))[:40]
        return Integrity(
            verified=False,
            reason=f"run {run.name} was trained by an earlier version ({version}) that recorded no sha256: whether its "
            "files are as they were written cannot be checked",
        )
    files = described[FILES]
    path = run.place(CERTIFICATE)
    if certificate is None or CERTIFICATE not in files:
        raise damaged(path, FileNotFoundError())
    if (seal := sealed(certificate)[SEAL]) != certificate.get(SEAL):
        raise changed(path, expected=str(certificate.get(SEAL))[:64], actual=str(seal))
    bound = certificate.get(FILES)
    if not isinstance(bound, dict) or any(name not in bound or name not in files for name in BOUND):
        raise damaged(path, f"it lacks the sha256 of {', '.join(BOUND)}")
    for name in files:
        content = read_checked(run.place(*str(name).split("/")), name=name, manifest=described)
        if name in bound and bound[name] != (actual := digest(content)):
            raise changed(run.folder / name, expected=str(bound[name])[:64], actual=actual)
    return Integrity(verified=True)
