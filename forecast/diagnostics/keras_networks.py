"""Networks whose sums are not written out here (numpy_cells has those that are): differentiated through Keras.

The network library is loaded by whoever makes one (forecast.diagnostics.loader).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from forecast.diagnostics.numpy_cells import Array
from pipelines.market.types import Floats
from pipelines.preprocessing.windows import Rows

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
    """One member at one stage. unrolled: a forecast.networks.unrolled.UnrolledNetwork, weights: what it has then.

    probability_of: from answers, shape (rows, answers), to the chance of a rise. learns_labels: whether its loss is the
    log loss of its probability; False for one that forecasts a path.
    """

    unrolled: Any
    weights: list[Array]
    probability_of: Callable[[Any], Floats]
    learns_labels: bool

    @cached_property
    def cell(self) -> str | None:
        """The cell whose gates it has, "lstm" or "gru"; None where no layer that reads the window has any."""
        shape = self.unrolled.network.input_shape
        traces = self._ready().traces(np.zeros((1, *shape[1:])))
        return next((trace.cell for trace in traces if trace.gates), None)

    def probability(self, windows: Array) -> Floats:
        """Chances of a rise, shape (rows,); windows: time-major, (steps, rows, features)."""
        rows, ready = windows.transpose(1, 0, 2), self._ready()
        parts = [ready.answers(rows[first : first + _BATCH]) for first in range(0, len(rows), _BATCH)]
        return self.probability_of(np.concatenate(parts))

    def gates(self, windows: Array) -> tuple[dict[str, Array], Rows]:
        """Gates and states of all layers with the gates of `cell`, (steps, rows, units), and each unit's layer."""
        traces = [trace for trace in self._ready().traces(windows.transpose(1, 0, 2)) if trace.cell == self.cell]
        layer = np.repeat(np.arange(len(traces), dtype=np.int64), [trace.states[0].shape[-1] for trace in traces])
        states = ("h", "c")[: len(traces[0].states)]
        names = {name: [trace.gates[name] for trace in traces] for name in traces[0].gates}
        names |= {name: [trace.states[place] for trace in traces] for place, name in enumerate(states)}
        return {name: np.concatenate(parts, axis=-1) for name, parts in names.items()}, layer

    def gradients(self, windows: Array) -> StateGradients:
        """Of its logit, or of the sum of its path."""
        gradients = self._ready().gradients(windows.transpose(1, 0, 2))
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
        norms = self._ready().jacobian_norms(windows.transpose(1, 0, 2))
        return {} if norms is None else {"jacobian": norms[0][::-1], "jacobian_h": norms[1][::-1]}

    def _ready(self) -> Any:
        """The network with this stage's weights."""
        self.unrolled.network.set_weights(self.weights)
        return self.unrolled
