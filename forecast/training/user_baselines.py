"""A baseline of a person's own, `module:Class`: scikit-learn's fit and predict_proba, in a fresh process every time.

What it has seen in another fold may be this one's future, and a module, a library or a cache could keep it.
"""

import inspect
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pipelines import user_code
from pipelines.errors import ConfigError
from pipelines.market.types import Floats
from pipelines.preprocessing.access_log import opened_by

_LONGEST_FIT = 600.0  # seconds
_TOLERANCE = 1e-5  # probabilities of the same rows asked for beside others; sums in single precision differ by less


def check_own(name: str) -> tuple[str, ...]:
    """What a person's own baseline opens, a line each, while it is made, fitted and asked on a hundred made-up rows.

    Raises:
        ConfigError: it cannot be.
    """
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(100, 4)).astype(np.float32)
    arguments = (name, rows, (rows[:, 0] > 0).astype(np.float64), np.ones(100, dtype=np.float32), rows)
    entries = user_code.run_alone(_opened, *arguments, name=name, what="Baseline", seconds=4 * _LONGEST_FIT)
    return tuple(f"baseline {name} {entry}" for entry in entries)


def _opened(*arguments: Any) -> tuple[str, ...]:
    with threadpool_limits(1):
        return opened_by(lambda: _answers(*arguments))


def answers(
    name: str, rows: NDArray[np.float32], targets: Floats, weights: NDArray[np.float32], inputs: NDArray[np.float32]
) -> Floats:
    """Probabilities of a rise of the inputs, shape (inputs,), of a baseline that is fitted on rows, on one thread.

    rows, inputs: windows laid flat. targets: 0 or 1, weights: of each row.

    Raises:
        ConfigError: it fails, takes too long, ends its process, or answers with something else than probabilities.
    """
    probability: Floats = user_code.run_alone(
        _on_one_thread, name, rows, targets, weights, inputs, name=name, what="Baseline", seconds=2 * _LONGEST_FIT
    )
    return probability


def _on_one_thread(*arguments: Any) -> Floats:
    with threadpool_limits(1):
        return _answers(*arguments)


def _answers(
    name: str, rows: NDArray[np.float32], targets: Floats, weights: NDArray[np.float32], inputs: NDArray[np.float32]
) -> Floats:
    model = user_code.call(name, what="Baseline", seconds=_LONGEST_FIT)
    if lacking := [method for method in ("fit", "predict_proba") if not callable(getattr(model, method, None))]:
        raise ConfigError(
            f"Baseline {name}: expected an object with fit and predict_proba, got {type(model).__name__} without "
            f"{' and '.join(lacking)}. Give it scikit-learn's."
        )
    weighted = bool(np.ptp(weights)) and "sample_weight" in inspect.signature(model.fit).parameters
    arguments, first = (weights,) if weighted else (), (len(inputs) + 1) // 2  # rows that are asked for once more

    def answer(*sample_weights: Any) -> Any:
        model.fit(rows, targets, *sample_weights)
        classes = getattr(model, "classes_", np.array([0.0, 1.0]))
        return model.predict_proba(inputs), model.predict_proba(inputs[:first]), classes

    predicted, earlier, classes = user_code.limited(
        answer, *arguments, name=name, what="Baseline", seconds=_LONGEST_FIT
    )
    try:
        chances, classes = np.asarray(predicted, dtype=np.float64), np.asarray(classes, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"Baseline {name}: expected numbers of predict_proba, got {type(predicted).__name__}."
        ) from error
    if chances.shape != (len(inputs), 2) or not np.array_equal(classes, [0.0, 1.0]):
        raise ConfigError(
            f"Baseline {name}: expected predict_proba to give shape ({len(inputs)}, 2) for the classes 0 and 1, got "
            f"{chances.shape} for {classes.tolist()[:4]}. Give one probability a class."
        )
    if not np.all(np.isfinite(chances) & (chances >= 0.0) & (chances <= 1.0)):
        raise ConfigError(f"Baseline {name}: expected probabilities from 0 to 1, got others. Check predict_proba.")
    alone = np.asarray(earlier, dtype=np.float64)
    if not np.allclose(alone, chances[:first], rtol=0.0, atol=_TOLERANCE):
        raise ConfigError(
            f"Baseline {name}: expected the same probabilities when later rows are not asked for, got others. Let "
            "predict_proba answer each row from that row and from fit alone, and draw no random numbers."
        )
    return np.clip(chances[:, 1], 1e-9, 1 - 1e-9)
