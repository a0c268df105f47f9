"""One fold to fit on."""

import pytest

from pipelines.preprocessing.scaling import fit_scaler
from pipelines.preprocessing.walk_forward import walk_forward
from tests.helpers.windows import random_walk_windows


@pytest.fixture(scope="module")
def task():
    _, windows = random_walk_windows(bars=420, steps=7)
    fold = walk_forward(windows, folds=2)[0]
    return windows, fold, fit_scaler(windows, rows=fold.train)
