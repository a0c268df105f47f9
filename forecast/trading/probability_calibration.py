"""Calibration: a map from predicted probabilities to observed frequencies, fitted on validation rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.market.types import Floats

FEWEST = 20
FEWEST_FOR_ISOTONIC = 200  # below that its steps follow the noise (Niculescu-Mizil and Caruana 2005)
HOTTEST = 100.0
_COLDEST = 0.05
_EDGE = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class ProbabilityCalibration:
    """A map of probabilities. kind: "none", "temperature" or "isotonic"; note: why it is another than was asked for.

    temperature: the odds' exponent is its inverse: above 1 it draws them to one half, 1 leaves them. predicted,
    observed: the steps of an isotonic map, straight lines between them.
    """

    kind: str
    temperature: float | None = None
    predicted: Floats | None = None
    observed: Floats | None = None
    note: str = ""

    def apply(self, probability: Floats) -> Floats:
        """Recalibrated probabilities, same shape."""
        if self.temperature is not None:
            return _sigmoid(_logit(probability) / self.temperature)
        if self.predicted is not None and self.observed is not None:
            return np.interp(probability, self.predicted, self.observed)
        return probability

    def to_json(self) -> dict[str, Any]:
        """JSON-ready, without the steps."""
        steps = None if self.predicted is None else len(self.predicted)
        return {"calibration": self.kind, "temperature": self.temperature, "steps": steps, "note": self.note}


def fit(probability: Floats, target: Floats, *, kind: str) -> ProbabilityCalibration:
    """The map fitted on rows whose target is known; each array of shape (rows,), target 1 for a rise.

    Temperature scaling (Guo et al. 2017): one number by likelihood, from 0.05 to 100. It never turns a direction
    round; odds that are worth nothing end at the limit, close to one half. Isotonic regression (Zadrozny and Elkan
    2002): by scikit-learn, kept from 0 and 1 by Laplace's rule for so many rows. With fewer than 200 rows isotonic
    falls back to temperature; with fewer than 20, or one class only, nothing is changed. note says so.
    """
    usable = np.isfinite(target) & np.isfinite(probability)
    predicted, up = probability[usable], target[usable] > 0.5
    if kind == "none":
        return ProbabilityCalibration(kind="none")
    if len(predicted) < FEWEST or up.all() or not up.any():
        why = (
            f"{len(predicted)} validation rows are too few"
            if len(predicted) < FEWEST
            else "validation rows of one class only"
        )
        return ProbabilityCalibration(kind="none", note=f"{why}: not calibrated")
    if kind == "isotonic" and len(predicted) >= FEWEST_FOR_ISOTONIC:
        return _isotonic(predicted, up.astype(np.float64))
    fallback_note = (
        f"{len(predicted)} validation rows are too few for isotonic calibration, temperature scaling was used"
    )
    note = fallback_note if kind == "isotonic" else ""
    return ProbabilityCalibration(
        kind="temperature", temperature=_temperature(predicted, up.astype(np.float64)), note=note
    )


def _temperature(predicted: Floats, up: Floats) -> float:
    """The likelihood is concave in the inverse temperature: its slope crosses zero once, or not within the limits."""
    from scipy.optimize import brentq

    odds = _logit(predicted)

    def slope(inverse: float) -> float:
        return float(odds @ (up - _sigmoid(odds * inverse)))

    low, high = 1.0 / HOTTEST, 1.0 / _COLDEST
    if slope(low) <= 0.0:
        return HOTTEST
    if slope(high) >= 0.0:
        return _COLDEST
    return 1.0 / float(brentq(slope, low, high, xtol=1e-10))


def _isotonic(predicted: Floats, up: Floats) -> ProbabilityCalibration:
    from sklearn.isotonic import IsotonicRegression

    edge = 1.0 / (len(predicted) + 2.0)
    fitted = IsotonicRegression(y_min=edge, y_max=1.0 - edge, out_of_bounds="clip").fit(predicted, up)
    return ProbabilityCalibration(
        kind="isotonic",
        predicted=np.asarray(fitted.X_thresholds_, dtype=np.float64),
        observed=np.asarray(fitted.y_thresholds_, dtype=np.float64),
    )


def _logit(probability: Floats) -> Floats:
    clipped = np.clip(probability, _EDGE, 1.0 - _EDGE)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def _sigmoid(odds: Floats) -> Floats:
    from scipy.special import expit

    return np.asarray(expit(odds), dtype=np.float64)
