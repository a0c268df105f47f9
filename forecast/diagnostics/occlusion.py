"""Which bars and which features a signal depends on: each is covered in turn, and the change of the answer is noted.

Covered means replaced by the feature's mean over the training rows (Zeiler & Fergus 2014, for pictures). It says what
the fitted networks use, not what would be useful: a feature that another one repeats can be covered without loss.
"""

import numpy as np
import pandas as pd

from forecast.diagnostics.keras_networks import KerasNetwork
from forecast.diagnostics.loader import Member, Network, RunUnderStudy, spread
from forecast.diagnostics.numpy_cells import Array, Weights, forward, logits
from pipelines.market.types import Floats

WINDOWS = 24  # a fold, evenly spaced over its test rows
_AT_ONCE = 4096  # covered windows that a Keras network is asked for at once
_BLOCKS = 60  # a longer window is covered several bars at a time


def cover(network: Network, windows: Array) -> tuple[Floats, Floats]:
    """Probabilities as they are, shape (rows,), and with each feature of each block of bars covered.

    windows: scaled, (steps, rows, features). The second has shape (blocks, features, rows); blocks in time order.
    Only what follows a covered bar is read again, from the state before it.
    """
    if isinstance(network, KerasNetwork):
        return _cover_whole(network, windows)
    weights = _light(network) if windows.dtype == np.float32 else network
    steps, rows, features = windows.shape
    trace = forward(weights, windows)
    blocks = starts(steps)
    covered = np.empty((len(blocks), features, rows))
    for number, (first, last) in enumerate(blocks):
        changed = np.repeat(windows[first:, None], features, axis=1)  # (steps left, features, rows, features)
        for feature in range(features):
            changed[: last - first, feature, :, feature] = 0.0
        before = (trace.h[first - 1], trace.c[first - 1] if len(trace.c) else trace.h[first - 1]) if first else None
        covered[number] = _probability(logits(weights, forward(weights, changed, before=before).h[-1]))
    return _probability(logits(weights, trace.h[-1])), covered


def _cover_whole(network: KerasNetwork, windows: Array) -> tuple[Floats, Floats]:
    """The same of a network that is asked again for the whole window."""
    steps, rows, features = windows.shape
    blocks = starts(steps)
    at_once = max(1, _AT_ONCE // (rows * features))
    parts = []
    for start in range(0, len(blocks), at_once):
        several = blocks[start : start + at_once]
        changed = np.tile(windows[:, None, None], (1, len(several), features, 1, 1))  # steps, blocks, features, rows
        for number, (first, last) in enumerate(several):
            for feature in range(features):
                changed[first:last, number, feature, :, feature] = 0.0
        parts.append(network.probability(changed.reshape(steps, -1, features)).reshape(-1, features, rows))
    return network.probability(windows), np.concatenate(parts)


def starts(steps: int) -> list[tuple[int, int]]:
    """First bar and the one after the last of each block that is covered at once; at most 60 blocks."""
    width = -(-steps // _BLOCKS)
    return [(max(0, last - width), last) for last in range(steps, 0, -width)][::-1]


def measure(subject: RunUnderStudy, ensemble: list[Member]) -> pd.DataFrame:
    """The ensemble of one model and fold. A row a block and feature: mean absolute change of the mean probability,
    the share of windows in which it crossed one half, and how many windows were looked at."""
    first = ensemble[0]
    test = subject.data.folds[first.fold].test
    rows = spread(test, most=WINDOWS)
    windows = subject.windows(first, rows, dtype=np.float32)
    pairs = [cover(member.trained, windows) for member in ensemble]
    plain, covered = (np.mean([pair[part] for pair in pairs], axis=0) for part in (0, 1))
    change, flipped = np.abs(covered - plain).mean(axis=2), ((covered > 0.5) != (plain > 0.5)).mean(axis=2)
    blocks, names, steps = starts(len(windows)), subject.experiment.columns, len(windows)
    return pd.DataFrame(
        {
            "model": first.model,
            "fold": first.fold,
            "lag": np.repeat([steps - last for _, last in blocks], len(names)),
            "bars": np.repeat([last - start for start, last in blocks], len(names)),
            "feature": list(names) * len(blocks),
            "change": change.ravel(),
            "flipped": flipped.ravel(),
            "windows": len(rows),
        }
    )


def _light(weights: Weights) -> Weights:
    """The same in float32: twice as fast, and 1e-6 is far below what a map shows."""
    return Weights(
        cell=weights.cell,
        **{
            name: np.asarray(getattr(weights, name), dtype=np.float32)
            for name in ("kernel", "recurrent", "bias", "head", "head_bias")
        },
    )


def _probability(logit: Array) -> Floats:
    return np.asarray(1 / (1 + np.exp(-logit.astype(np.float64))))
