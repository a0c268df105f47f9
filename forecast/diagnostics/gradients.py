"""How far back a network's answer reaches: the gradient through time, lag by lag, and where it has faded.

"State" is all that a cell hands from one bar to the next: h for a SimpleRNN, h and c together for an LSTM, each taken
as independent of the other. h alone would hide the path that an LSTM has for remembering, c alone its gates. The parts
are given as well, and so is the gradient with respect to the bar's features, which means the same for every network
and is all that there is of one that hands on no state. In a stack the state is that of all layers.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.diagnostics.keras_networks import KerasNetwork, StateGradients
from forecast.diagnostics.loader import STAGES, Member, Network, RunUnderStudy, spread
from forecast.diagnostics.numpy_cells import Array, Weights, backward, forward, logits
from pipelines.market.types import Floats

FADED = 0.01
"""The share of its size at the decision below which a gradient counts as gone."""

WINDOWS = 160  # of a member's test windows, evenly spaced: more move no quantile that is drawn
JACOBIANS = 16  # a Jacobian costs as much as a gradient a unit


@dataclass(frozen=True, kw_only=True, eq=False)
class Decay:
    """Norms by lag, of shape (steps, windows). For state, h, c, input, jacobian and jacobian_h, as a share of the value
    at lag 0 ("c" is 0 there and takes that of the state); loss: the norm of d loss / d state itself, NaN where the loss
    is not that of a label."""

    share: dict[str, Floats]
    loss: Floats


def decay(network: Network, windows: Array, targets: Floats) -> Decay:
    """The gradient of each window's log loss; windows: (steps, windows, features), targets: 0 or 1, (windows,)."""
    gradient = network.gradients(windows) if isinstance(network, KerasNetwork) else _by_hand(network, windows)
    size = gradient.size
    of_labels = "state" in size and (isinstance(network, Weights) or network.learns_labels)
    loss = size["state"] * np.abs(gradient.probability - targets) if of_labels else np.full(windows.shape[:2], np.nan)
    return Decay(
        share={path: _ratio(norm, size["input" if path == "input" else "state"][0]) for path, norm in size.items()},
        loss=loss,  # d loss / d logit = probability - target
    )


def _by_hand(weights: Weights, windows: Array) -> StateGradients:
    """What the numpy cells give."""
    trace = forward(weights, windows)
    answer = 1 / (1 + np.exp(-logits(weights, trace.h[-1])))
    last = np.broadcast_to(weights.head, trace.h[-1].shape)
    size: dict[str, Floats] = {path: np.empty(windows.shape[:2]) for path in ("state", "h", "c", "input")}
    for flow in backward(weights, trace, last):
        h, c = _squares(flow.h), _squares(flow.c)
        for path, square in (("h", h), ("c", c), ("state", h + c), ("input", _squares(flow.z @ weights.kernel.T))):
            size[path][flow.lag] = np.sqrt(square)
    if weights.cell != "lstm":
        del size["c"]
    return StateGradients(size=size, probability=answer)


def jacobians(network: Network, windows: Array) -> dict[str, Floats]:
    """Frobenius norms of d h(t) / d state(t - k) and of its block d h(t) / d h(t - k), over the root of the units.

    That is the root mean square of the singular values: 1 where a state is handed on whole. Shape (steps, windows).
    Nothing of a network without a state.
    """
    if isinstance(network, KerasNetwork):
        return network.jacobians(windows)
    weights = network
    trace = forward(weights, windows)
    units, rows = weights.units, windows.shape[1]
    identity = np.broadcast_to(np.eye(units)[:, None, :], (units, rows, units))
    norms = {path: np.empty(windows.shape[:2]) for path in ("jacobian", "jacobian_h")}
    for flow in backward(weights, trace, identity):
        hidden, cell = _squares(flow.h).sum(axis=0), _squares(flow.c).sum(axis=0)
        norms["jacobian"][flow.lag] = np.sqrt((hidden + cell) / units)
        norms["jacobian_h"][flow.lag] = np.sqrt(hidden / units)
    return norms


def reach(share: Floats) -> Floats:
    """Effective memory in bars: where a curve falls below 1 % and stays there, between lags on the log scale.

    share: (steps, ...), 1 at lag 0. A curve that never falls so far has steps - 1, the longest that could be seen.
    """
    steps = len(share)
    above = share >= FADED
    last = np.where(above.any(axis=0), steps - 1 - np.argmax(above[::-1], axis=0), 0)
    following = np.minimum(last + 1, steps - 1)
    high = np.maximum(np.take_along_axis(share, last[None], axis=0)[0], FADED)
    low = np.take_along_axis(share, following[None], axis=0)[0]
    with np.errstate(divide="ignore"):
        part = np.log(high / FADED) / np.log(high / np.maximum(low, 1e-300))
    inside = (last < steps - 1) & above.any(axis=0)
    return np.asarray(last + np.where(inside, np.nan_to_num(part), 0.0), dtype=np.float64)


def measure(subject: RunUnderStudy, member: Member) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One member's curves (stage, path, lag, low, median, high over windows, loss) and effective memories."""
    test = subject.data.folds[member.fold].test
    rows, fewer = spread(test, most=WINDOWS), spread(test, most=JACOBIANS)
    windows, few = subject.windows(member, rows), subject.windows(member, fewer)
    targets = subject.data.windows.targets[rows]
    curves, memories = [], []
    who = {"model": member.model, "fold": member.fold, "seed": member.seed}
    for stage in STAGES:
        network = member.weights(stage)
        gradient = decay(network, windows, targets)
        share = gradient.share | jacobians(network, few)
        for path, values in share.items():
            low, median, high = np.quantile(values, [0.1, 0.5, 0.9], axis=1)
            loss = np.median(gradient.loss, axis=1) if path == "state" else np.nan
            columns = {"lag": np.arange(len(values)), "low": low, "median": median, "high": high, "loss": loss}
            curves.append(pd.DataFrame({**who, "stage": stage, "path": path, **columns}))
            bars = float(reach(median))
            memories.append({**who, "stage": stage, "path": path, "bars": bars, "whole": bars >= len(values) - 1})
    return pd.concat(curves, ignore_index=True), pd.DataFrame(memories)


def _squares(values: Array) -> Floats:
    return np.asarray(np.einsum("...u,...u->...", values, values))


def _ratio(norm: Floats, first: Floats) -> Floats:
    return np.divide(norm, first, out=np.zeros_like(norm), where=first > 0)
