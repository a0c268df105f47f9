"""Whether a run's files are the ones that its training wrote: asked by every command before it uses a number of them.

sha256 notices damage and carelessness. It holds no secret: who changes a file and recomputes every sha256 after it,
those of the certificate and of run.json included, is not noticed here: forecast.evaluation.recomputation asks the
weights.
"""

from dataclasses import dataclass
from typing import Any

from forecast.runs.io import damaged
from forecast.runs.manifest import FILES, SEAL, changed, digest, has_digests, read_checked, sealed
from forecast.runs.run import BOUND, CERTIFICATE, PREDICTIONS, Run
from pipelines.errors import RunError


@dataclass(frozen=True, kw_only=True)
class Integrity:
    """verified: whether every file has the sha256 that was written with it. reason: why nobody can say, else empty."""

    verified: bool
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"verified": self.verified, "reason": self.reason}


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
