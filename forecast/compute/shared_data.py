"""What the members of a run share, handed over once per worker: arrays in a folder, memory-mapped, or in memory."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.datasets.dataset import Dataset
from pipelines.market.types import Floats
from pipelines.preprocessing.scaling import Scaler
from pipelines.preprocessing.walk_forward import Fold
from pipelines.preprocessing.windows import Windows

Arrays = Mapping[str, NDArray[Any]]

_OF_WINDOWS = (
    "values", "ends", "targets", "label_weights", "forward_return", "held", "decided_at", "entry_at", "exit_at",
)  # fmt: skip
_OF_FOLDS = ("train", "validation", "test", "weights")


@dataclass(frozen=True, kw_only=True, eq=False)
class SharedData:
    """The windows, folds and scalers of one run (or of a panel).

    scalers: one a fold. closes: of each bar, shape (bars,), where a baseline needs them.
    """

    windows: Windows
    folds: tuple[Fold, ...]
    scalers: tuple[Scaler, ...]
    closes: Floats | None = None

    @classmethod
    def of(cls, dataset: Dataset) -> "SharedData":
        """What the members of one symbol share."""
        return cls(windows=dataset.windows, folds=dataset.folds, scalers=dataset.scalers, closes=dataset.bars.close)


def to_arrays(shared: SharedData) -> dict[str, NDArray[Any]]:
    """Named arrays from which `from_arrays` makes the same again."""
    arrays = {name: getattr(shared.windows, name) for name in _OF_WINDOWS}
    for fold in shared.folds:
        arrays |= {f"{name}-{fold.number}": getattr(fold, name) for name in _OF_FOLDS}
    arrays["mean"] = np.stack([scaler.mean for scaler in shared.scalers])
    arrays["scale"] = np.stack([scaler.scale for scaler in shared.scalers])
    arrays["steps"] = np.array([shared.windows.steps])
    if shared.windows.opens is not None:
        arrays["opens"] = shared.windows.opens
    if shared.closes is not None:
        arrays["closes"] = shared.closes
    return arrays


def from_arrays(arrays: Arrays) -> SharedData:
    """The other way round; nothing is copied."""
    windows = Windows(
        steps=int(arrays["steps"][0]), **{name: arrays[name] for name in _OF_WINDOWS}, opens=arrays.get("opens")
    )
    numbers = range(len(arrays["mean"]))
    return SharedData(
        windows=windows,
        folds=tuple(
            Fold(number=number, **{name: arrays[f"{name}-{number}"] for name in _OF_FOLDS}) for number in numbers
        ),
        scalers=tuple(Scaler(mean=arrays["mean"][number], scale=arrays["scale"][number]) for number in numbers),
        closes=arrays.get("closes"),
    )


def digest(arrays: Arrays) -> str:
    """A short name for these very arrays."""
    content = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        content.update(f"{name} {array.dtype} {array.shape} ".encode())
        content.update(array.tobytes())
    return content.hexdigest()[:16]


def write(folder: Path, arrays: Arrays) -> Path:
    """Writes each array as a .npy file that every process of this machine can map into memory."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    return folder


@lru_cache(maxsize=4)
def read(folder: Path) -> SharedData:
    """What was written there; the pages that two processes read are in memory once."""
    files = sorted(folder.glob("*.npy"))
    return from_arrays({path.stem: np.load(path, mmap_mode="r", allow_pickle=False) for path in files})
