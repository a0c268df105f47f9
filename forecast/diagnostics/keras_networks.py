"""Networks whose sums are not written out here (numpy_cells has those that are): differentiated through Keras.

They are asked where forecast.compute.network_process has it: a person's own in a process that is watched.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from forecast.compute import network_process
from forecast.config.architecture import Architecture
from forecast.diagnostics.numpy_cells import Array
from forecast.networks import prediction
from forecast.networks.results import Gradients, LayerTrace
from pipelines.market.types import Floats
from pipelines.preprocessing.windows import Rows

if TYPE_CHECKING:
    from forecast.networks.unrolled import UnrolledNetwork

_BATCH = 2048  # windows that are asked at once


@dataclass(frozen=True, kw_only=True, eq=False)
class StateGradients:
    """Norms of the gradient of one answer by lag, each of shape (steps, rows).

    size: with respect to "input", the bar's features; of a network with recurrent layers also to its "state", and to
    the parts "h" and, where there is one, "c". probability: shape (rows,).
    """

    size: dict[str, Floats]
    probability: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class KerasNetwork:
    """One member at one stage. library: the network library. weights: what it has then. deviation: as in FitResult."""

    architecture: Architecture
    library: str
    weights: list[Array]
    deviation: float | None = None

    @property
    def learns_labels(self) -> bool:
        """Whether its loss is the log loss of its probability; False for one that forecasts a path."""
        return not self.architecture.path

    @cached_property
    def cell(self) -> str | None:
        """The cell whose gates it has, "lstm" or "gru"; None where no layer that reads the window has any."""
        traces = self._traces(np.zeros((1, self.architecture.steps, self.architecture.features)))
        return next((trace.cell for trace in traces if trace.gates), None)

    def probability(self, windows: Array) -> Floats:
        """Chances of a rise, shape (rows,); windows: time-major, (steps, rows, features)."""
        rows = windows.transpose(1, 0, 2)
        parts = [self._ask("answers", rows[first : first + _BATCH]) for first in range(0, len(rows), _BATCH)]
        answers = np.concatenate(parts)
        return prediction.probabilities(answers, architecture=self.architecture, deviation=self.deviation)

    def gates(self, windows: Array) -> tuple[dict[str, Array], Rows]:
        """Gates and states of all layers with the gates of `cell`, (steps, rows, units), and each unit's layer."""
        traces = [trace for trace in self._traces(windows.transpose(1, 0, 2)) if trace.cell == self.cell]
        layer = np.repeat(np.arange(len(traces), dtype=np.int64), [trace.states[0].shape[-1] for trace in traces])
        states = ("h", "c")[: len(traces[0].states)]
        names = {name: [trace.gates[name] for trace in traces] for name in traces[0].gates}
        names |= {name: [trace.states[place] for trace in traces] for place, name in enumerate(states)}
        return {name: np.concatenate(parts, axis=-1) for name, parts in names.items()}, layer

    def gradients(self, windows: Array) -> StateGradients:
        """Of its logit, or of the sum of its path."""
        gradients: Gradients = self._ask("gradients", windows.transpose(1, 0, 2))
        steps = windows.shape[0]
        size = {"input": np.linalg.norm(gradients.features, axis=2).T[::-1]}
        for name, place in (("h", 0), ("c", 1)):
            parts = [np.square(states[place]).sum(axis=-1) for states in gradients.states if len(states) > place]
            if parts:
                size[name] = np.sqrt(np.sum(parts, axis=0))[::-1]
        if "h" in size:
            none = np.zeros((steps, windows.shape[1]))
            size["state"] = np.hypot(size["h"], size.get("c", none))
        return StateGradients(size=size, probability=self.probability(windows))

    def jacobians(self, windows: Array) -> dict[str, Floats]:
        """As forecast.diagnostics.gradients.jacobians; nothing without a recurrent layer."""
        norms = self._ask("jacobian_norms", windows.transpose(1, 0, 2))
        return {} if norms is None else {"jacobian": norms[0][::-1], "jacobian_h": norms[1][::-1]}

    def _traces(self, rows: Array) -> list[LayerTrace]:
        traces: list[LayerTrace] = self._ask("traces", rows)
        return traces

    def _ask(self, question: str, rows: Array) -> Any:
        """What a method of forecast.networks.unrolled.UnrolledNetwork returns with this stage's weights."""
        arguments = (self.architecture, self.weights, question, rows)
        return network_process.ask(_answer, *arguments, architecture=self.architecture, name=self.library)


def _answer(library: ModuleType, architecture: Architecture, weights: list[Array], question: str, rows: Array) -> Any:
    unrolled = _unrolled(library, architecture)
    unrolled.network.set_weights(weights)
    return getattr(unrolled, question)(rows)


@lru_cache(maxsize=16)
def _unrolled(library: ModuleType, architecture: Architecture) -> "UnrolledNetwork":
    from forecast.networks.unrolled import UnrolledNetwork  # the network library is loaded by now

    return UnrolledNetwork(library.layers.build(architecture, seed=0), path=architecture.path)
