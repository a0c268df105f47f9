"""Baselines and networks of a person's own: as they should be, and as they should not."""

import os
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression


class Ridge(LogisticRegression):
    def __init__(self) -> None:
        super().__init__(C=0.01)


class Constant:
    def fit(self, rows: np.ndarray, targets: np.ndarray) -> None:
        self.share = float(targets.mean())

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        return np.tile([1.0 - self.share, self.share], (len(rows), 1))


class Unasked:
    def fit(self, rows: np.ndarray, targets: np.ndarray) -> None: ...


class Flat(Constant):
    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        return np.full(len(rows), 0.5)


class Certain(Constant):
    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        return np.tile([-0.5, 1.5], (len(rows), 1))


class Failing(Constant):
    def fit(self, rows: np.ndarray, targets: np.ndarray) -> None:
        raise ValueError("not today")


class Leaving(Constant):
    def fit(self, rows: np.ndarray, targets: np.ndarray) -> None:
        raise SystemExit(7)


class Ending(Constant):
    def fit(self, rows: np.ndarray, targets: np.ndarray) -> None:
        os._exit(0)


class Demanding(Constant):
    def __init__(self, strength: float) -> None:
        self.strength = strength


class Ranks(Ridge):
    """Ranks each row among all that it is asked for, later ones too."""

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        place = np.argsort(np.argsort(super().predict_proba(rows)[:, 1]))
        share = (place + 0.5) / len(rows)
        return np.stack([1.0 - share, share], axis=1)


class Remembers(Constant):
    """Answers what its first fit has seen, whichever fold is asked for."""

    seen: list[float] = []  # noqa: RUF012

    def fit(self, rows: np.ndarray, targets: np.ndarray) -> None:
        self.seen.append(float(targets.mean()))
        self.share = self.seen[0]


class InAFile(Constant):
    """What its first fit has seen lies in a file."""

    def fit(self, rows: np.ndarray, targets: np.ndarray) -> None:
        path = Path(os.environ["FORECAST_TEST_TABLE"])
        if not path.exists():
            path.write_text(str(targets.mean()))
        self.share = float(path.read_text())


class InAnotherModule(Constant):
    """The same, but what it has seen lies in a library, where importing this module anew leaves it."""

    def fit(self, rows: np.ndarray, targets: np.ndarray) -> None:
        self.share = vars(np).setdefault("first_share", float(targets.mean()))
