"""What a user would write without forecast: TensorFlow, windows laid out, a model built per member, default `fit`."""

import json
import os
import sys
import time
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"

import numpy as np

from forecast.networks.results import Architecture
from pipelines.preprocessing.windows import Windows, gather
from tests.benchmarks import material


def model(architecture: Architecture, *, seed: int):
    """The same network, optimizer and loss as forecast's."""
    import keras

    from forecast.networks import layers

    keras.utils.set_random_seed(seed)
    network = layers.build(architecture, seed=seed)
    network.compile(
        keras.optimizers.Adam(0.001, global_clipnorm=1.0), keras.losses.BinaryCrossentropy(from_logits=True)
    )
    return network


def laid_out(windows: Windows, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return gather(values, windows.ends[rows], steps=windows.steps)


def comparison(folder: Path, epochs: int) -> int:
    """Row (a): every member of the walk-forward comparison; how many."""
    dataset, members = material.daily(folder, epochs=epochs), 0
    windows = dataset.windows
    for fold, scaler in zip(dataset.folds, dataset.scalers, strict=True):
        values = scaler.apply(windows.values)
        train, validation, test = (laid_out(windows, values, rows) for rows in (fold.train, fold.validation, fold.test))
        for seed in range(3):
            for cell in material.CELLS:
                features = windows.values.shape[1]
                network = model(Architecture(model=cell, steps=30, features=features, units=32), seed=seed)
                network.fit(
                    train,
                    windows.targets[fold.train],
                    validation_data=(validation, windows.targets[fold.validation]),
                    batch_size=128,
                    epochs=epochs,
                    verbose=0,
                )
                network.predict(test, verbose=0)
                members += 1
    return members


def speed(cell: str, steps: int, features: int, units: int, batch: int, bars: int) -> float:
    """Row (b): training windows a second, the fastest of some epochs, after one that compiles."""
    windows = material.windows(bars=bars, steps=steps, features=features)
    rows = np.arange(len(windows) // batch * batch)
    values, targets = laid_out(windows, windows.values, rows), windows.targets[rows].astype(np.float32)
    network = model(Architecture(model=cell, steps=steps, features=features, units=units), seed=0)
    network.fit(values, targets, batch_size=batch, epochs=1, verbose=0)
    speeds = []
    for _ in range(5):
        began = time.process_time()
        network.fit(values, targets, batch_size=batch, epochs=1, verbose=0)
        speeds.append(len(rows) / (time.process_time() - began))
    return max(speeds)


if __name__ == "__main__":
    if sys.argv[1] == "comparison":
        print(json.dumps(comparison(Path(sys.argv[2]), int(sys.argv[3]))))
    else:
        print(json.dumps(speed(sys.argv[1], *map(int, sys.argv[2:]))))
