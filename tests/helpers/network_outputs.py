"""The outputs of every network: `python -m tests.helpers.network_outputs BACKEND FILE` writes those of one backend."""

import sys
from types import ModuleType
from typing import Any

import numpy as np

from forecast.compute import backend
from forecast.config.model_registry import MODELS
from tests.helpers.network_sizes import architecture

EVERYTHING = {"layers": 2, "dropout": 0.2, "recurrent_dropout": 0.2, "layer_norm": True, "bidirectional": True}


def answers(network: Any, windows: np.ndarray) -> np.ndarray:
    return np.array(network(windows.astype(np.float32)))


def outputs(fitting: ModuleType) -> dict[str, np.ndarray]:
    """Of every network of the table, plain and with every option, all with weights drawn alike."""
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(3, 7, 8))
    chosen = {model: architecture(fitting, model, ahead=3) for model in MODELS}
    more = ("lstm", "gru_encoder_decoder", "irnn", "cnn", "dense")
    chosen |= {f"{model} with all": architecture(fitting, model, ahead=3, **EVERYTHING) for model in more}
    results = {}
    for name, sizes in chosen.items():
        network = fitting.layers.build(sizes, seed=1)
        results[f"{name} begins"] = np.concatenate([weight.ravel() for weight in network.get_weights()])
        network.set_weights([rng.normal(size=weight.shape) * 0.3 for weight in network.get_weights()])
        results[name] = answers(network, windows)
    return results


if __name__ == "__main__":
    np.savez(sys.argv[2], **outputs(backend.load_fitting(sys.argv[1])))
