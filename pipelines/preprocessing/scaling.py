"""A scaler that has seen the training rows of one fold and nothing else."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.market.types import Floats
from pipelines.preprocessing.windows import Rows, Windows

LIMIT = 5.0  # standard deviations: one crash must not saturate a network for the rest of its window


@dataclass(frozen=True, kw_only=True, eq=False)
class Scaler:
    """(value - mean) / scale, held within 5 standard deviations; mean, scale: shape (features,)."""

    mean: Floats
    scale: Floats

    def apply(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scaled values, same shape (rows, features), float32."""
        scaled = (values - self.mean.astype(np.float32)) / self.scale.astype(np.float32)
        return np.asarray(np.clip(scaled, np.float32(-LIMIT), np.float32(LIMIT)))

    def to_json(self) -> dict[str, list[float]]:
        """JSON-ready."""
        return {"mean": self.mean.tolist(), "scale": self.scale.tolist()}


def fit_scaler(windows: Windows, *, rows: Rows) -> Scaler:
    """Mean and standard deviation of every bar that a window of `rows` covers, each bar counted once.

    A feature that never changes is divided by 1. The digits are those of scikit-learn's StandardScaler, which takes a
    second and 40 MiB to import: the corrected algorithm of two passes (Chan, Golub and LeVeque 1983).
    """
    covered = np.zeros(len(windows.values), dtype=bool)
    for lag in range(windows.steps):
        covered[windows.ends[rows] - lag] = True
    values = windows.values[covered].astype(np.float64)
    count = len(values)
    mean = values.sum(axis=0) / count
    values -= mean
    correction = values.sum(axis=0)
    values **= 2
    variance = (values.sum(axis=0) - correction**2 / count) / count
    eps = np.finfo(np.float64).eps
    constant = variance <= count * eps * variance + (count * mean * eps) ** 2
    return Scaler(mean=mean, scale=np.where(constant, 1.0, np.sqrt(np.maximum(variance, 0.0))))
