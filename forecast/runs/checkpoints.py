"""A member's files, checked before the network library sees a byte of them: sizes, sha256, what belongs to what.

Weights are plain numbers in HDF5, their description is JSON: neither can run a program, but a damaged or hostile file
could ask for all memory, or name other files. Such a file is one line, nothing is read or built from it.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from forecast.compute.task import Task, architecture_of
from forecast.config.experiment import Experiment
from forecast.config.hyperparameters import Hyperparameters, Study
from forecast.networks.results import MOST_PARAMETERS, Architecture
from forecast.runs.io import damaged
from forecast.runs.run import Run
from pipelines.errors import RunError
from pipelines.preprocessing.scaling import Scaler

PROBABILITY_TOLERANCE = 1e-4
"""Probabilities of the same weights in float32, in other batches, order or versions, differ by less (1e-6); those of
other features or weights by far more."""

_ROOM = 1 << 20  # bytes of an HDF5 file that are no weights
_STATES = 1_024  # whole numbers in it: the state of dropout
_DEEPEST = 16


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """All that is needed to build a member: its network's shape, its scaler, and where its weights are.

    deviation: as in FitResult, for one that forecasts a path. diverged: whether its training gave no finite numbers: it
    forecasts 0.5, whatever its weights would say.
    """

    task: Task
    architecture: Architecture
    scaler: Scaler
    weights: Path
    deviation: float | None = None
    diverged: bool = False


def open_member(run: Run, experiment: Experiment, task: Task, *, panel: bool = False) -> Checkpoint:
    """The files of one member of a run, which must be the ones that were saved for it.

    panel: whether its scalers are many (panel_scalers has them); the checkpoint has one that changes nothing.

    Raises:
        RunError: a file that is missing, truncated, too large, of another member, or that asks for an absurd size.
    """
    model, fold, seed = task
    path = run.member(*task)
    described = run.describe_member(*task)
    tuned = tuned_hyperparameters(run.describe().get("tuning")).get((model, fold))
    architecture = Architecture.from_json(described.get("architecture", {}))
    expected = architecture_of(experiment, model, settings=tuned or Hyperparameters.of(experiment))
    for name, needed in {**expected.to_json(), "features": expected.features}.items():
        _check_same(path, name, needed, getattr(architecture, name))
    for name, needed in (("fold", fold), ("seed", seed), ("features", list(experiment.columns))):
        _check_same(path, name, needed, described.get(name, needed))
    if panel:
        scaler = Scaler(mean=np.zeros(architecture.features), scale=np.ones(architecture.features))
    else:
        scaler = _scaler(described.get("scaler"), architecture.features, path)
    _check_weights(path, parameters=described.get("parameters"))
    deviation = _deviation(described.get("deviation"), path) if architecture.path else None
    return Checkpoint(
        task=task,
        architecture=architecture,
        scaler=scaler,
        weights=path,
        deviation=deviation,
        diverged=described.get("diverged") is not None,
    )


def tuned_hyperparameters(content: Any) -> dict[Study, Hyperparameters]:
    """The chosen settings in a run.json; none where nothing was tuned.

    Raises:
        RunError: something else stands there.
    """
    try:
        return {
            (str(chosen["model"]), int(chosen["fold"])): Hyperparameters(
                units=int(chosen["units"]), learning_rate=float(chosen["learning_rate"])
            )
            for chosen in (content or {}).get("chosen", ())
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(
            f"The tuned settings in run.json cannot be read ({error}). Train it again: --overwrite."
        ) from error


def panel_scalers(run: Run, task: Task, *, features: int) -> dict[str, Scaler]:
    """The scaler of each symbol of a panel in the member's fold, which all members of the fold share.

    Raises:
        RunError: a scaler that does not fit the features.
    """
    path, described = run.member(*task), run.describe_member(*task).get("scaler")
    if not isinstance(described, dict):
        raise RunError(f"Expected the scalers of a panel in the description of {path}. Train it again.")
    return {str(symbol): _scaler(content, features, path) for symbol, content in described.items()}


def _check_same(path: Path, name: str, needed: object, actual: object) -> None:
    if actual != needed:
        raise RunError(
            f"Expected {name} {needed} in the description of {path}, got {actual!r:.80}. Train it again: forecast "
            "train."
        )


def _deviation(described: Any, path: Path) -> float:
    if type(described) not in (int, float) or not 0 < described < np.inf:
        raise RunError(
            f"Expected a deviation above 0 in the description of {path}, got {described!r:.40}. Train it again."
        )
    return float(described)


def _scaler(described: Any, features: int, path: Path) -> Scaler:
    try:
        mean, scale = (np.asarray(described[name], dtype=np.float64) for name in ("mean", "scale"))
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"Expected a scaler with mean and scale in the description of {path}. Train it again."
        ) from error
    if not (
        mean.shape == scale.shape == (features,) and np.isfinite(mean).all() and np.all((scale > 0) & (scale < np.inf))
    ):
        raise RunError(f"The scaler in the description of {path} does not fit its features. Train it again.")
    return Scaler(mean=mean, scale=scale)


def _check_weights(path: Path, *, parameters: Any) -> None:
    """Whether an HDF5 file holds so many numbers and nothing that points elsewhere."""
    import h5py

    if type(parameters) is not int or not 0 < parameters <= MOST_PARAMETERS:
        raise RunError(
            f"Expected 1 to {MOST_PARAMETERS:,} parameters in the description of {path}, got {parameters!r:.80}."
        )
    if (size := path.stat().st_size) > 4 * parameters + _ROOM:
        raise damaged(path, f"{size:,} bytes are too many for {parameters:,} parameters")
    try:
        with h5py.File(path, "r") as file:
            arrays = _arrays(file, path)
            counts: Counter[str] = Counter()
            for _, array in arrays:
                counts["f" if array.dtype.kind == "f" else "i"] += int(array.size)
            if counts["f"] != parameters or counts["i"] > _STATES:  # a few bytes can claim gigabytes: nothing was read
                raise damaged(path, f"it holds {counts['f']:,} numbers instead of {parameters:,} parameters")
            for name, array in arrays:
                if array.dtype.kind == "f" and not np.isfinite(array[()]).all():
                    raise damaged(path, f"{name!r:.80} holds numbers that are not finite")
    except (OSError, KeyError, RuntimeError) as error:
        raise damaged(path, f"no HDF5 file of weights: {error}") from error


def _arrays(group: Any, path: Path, depth: int = 0) -> list[tuple[str, Any]]:
    """The arrays of a group and of the groups in it, none of them read, with their names."""
    import h5py

    if depth > _DEEPEST:
        raise damaged(path, "its groups lie too deep")
    arrays: list[tuple[str, Any]] = []
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise damaged(path, f"{name!r:.80} is a link to somewhere else")
        item = group[name]
        if isinstance(item, h5py.Group):
            arrays += _arrays(item, path, depth + 1)
        elif not isinstance(item, h5py.Dataset) or item.external or item.is_virtual or item.dtype.kind not in "fiu":
            raise damaged(path, f"{name!r:.80} is not an array of numbers inside the file")
        else:
            arrays.append((name, item))
    return arrays
