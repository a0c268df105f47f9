"""Where a trained network is built and asked: in this process, a person's own in one that is watched.

Whatever a person's network does there, it ends no command without a word; the network library is loaded there alone,
and the digits are those of the same calls in this process.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.compute import backend
from forecast.config.architecture import Architecture
from forecast.networks import prediction
from pipelines import user_code
from pipelines.errors import ConfigError, ForecastError
from pipelines.market.types import Floats

_LONGEST = 1_800.0  # seconds that one question to a person's network may take


@dataclass(frozen=True, kw_only=True)
class PredictionLibrary:
    """What loads and asks members: numpy where it can, else the network library `name`. Both give the same digits."""

    name: str

    def load(self, weights: Path, *, architecture: Architecture) -> Any:
        """The parameters of a stored member, whose file was checked before (forecast.runs.checkpoints).

        Raises:
            ConfigError: a network library is needed and it is not installed, or a person's own network fails.
            RunError: weights of another shape, or this process has already loaded the other library.
        """
        if prediction.is_plain(architecture):
            return prediction.load(weights, architecture=architecture)
        return ask(_load, weights, architecture, architecture=architecture, name=self.name)

    def predict(self, values: NDArray[np.float32], *, architecture: Architecture, **member: Any) -> Floats:
        """Probabilities of a loaded member; parameters and errors as forecast.networks.prediction.predict has them."""
        if prediction.is_plain(architecture):
            return prediction.predict(values, architecture=architecture, **member)
        member["architecture"] = architecture
        probability: Floats = ask(_predict, values, member, architecture=architecture, name=self.name)
        return probability


def ask(function: Callable[..., Any], *arguments: Any, architecture: Architecture, name: str) -> Any:
    """What function(forecast.networks.fit, *arguments) returns, its network library loaded.

    Parameters
    ----------
    function
        Of a module; where the network is a person's own, arguments and result can be pickled, and the result needs no
        network library.
    architecture
        Of the network that is asked.
    name
        The network library.

    Raises
    ------
    ConfigError
        A person's own network fails, takes too long, or ends its process; and what the function raises.
    """
    if not architecture.own:
        return function(backend.load_fitting(backend.choose(name)), *arguments)
    model = architecture.model
    return user_code.run(_ask, function, arguments, model, name, name=model, what="Model", seconds=_LONGEST)


def _ask(function: Callable[..., Any], arguments: tuple[Any, ...], model: str, name: str) -> Any:
    library = backend.load_fitting(backend.choose(name))
    try:
        return function(library, *arguments)
    except ForecastError:
        raise
    except user_code.FAILURES as error:  # whatever its layers raise when they are called
        raise ConfigError(
            f"Model {model}: expected it to answer, got {user_code.one_line(error)}. Let its layers answer any window "
            "of numbers."
        ) from error


def _load(library: ModuleType, weights: Path, architecture: Architecture) -> Any:
    return library.load(weights, architecture=architecture)


def _predict(library: ModuleType, values: NDArray[np.float32], member: dict[str, Any]) -> Any:
    return library.predict(values, **member)
