"""Whether the numbers of a finished run can be believed: its files' sha256, and a sample of its predictions again."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from forecast.evaluation.recomputation import Recomputation, recompute
from forecast.runs import integrity
from forecast.runs.integrity import Integrity
from forecast.runs.run import Run
from forecast.statistics.verdict import Caveat


@dataclass(frozen=True, kw_only=True)
class Verification:
    """files: whether they are the ones that the training wrote. sample: which predictions were made again."""

    files: Integrity
    sample: Recomputation

    def to_json(self) -> dict[str, Any]:
        """JSON-ready: metrics.json's "integrity"."""
        return {**self.files.to_json(), "recomputed": self.sample.to_json()}


def verify(run: Run) -> Verification:
    """Reads every file of a run and asks its networks for some of their predictions again, drawn anew each time.

    Raises:
        RunError: an unfinished or damaged run, a file that was changed, or a prediction that its networks do not make.
    """
    return Verification(files=integrity.check(run), sample=recompute(run, rng=np.random.default_rng()))


def caveats(*verifications: Verification) -> list[Caveat]:
    """What could not be verified of one run or of several, each caveat once."""
    verified = all(verification.files.verified for verification in verifications)
    of_samples = dict.fromkeys(caveat for verification in verifications for caveat in verification.sample.caveats())
    return [*([] if verified else [Caveat(code="unverified")]), *of_samples]
