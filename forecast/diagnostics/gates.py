"""What the gates of an LSTM or GRU do: by bar and unit, in calm and in turbulent markets, around changes of mind."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.diagnostics.keras_networks import KerasNetwork
from forecast.diagnostics.loader import STAGES, Member, Network, RunUnderStudy
from forecast.diagnostics.numpy_cells import Array, forward, logits
from pipelines.market.types import Floats
from pipelines.preprocessing.windows import Rows

ARRAYS = {"lstm": ("input", "forget", "output", "c", "h"), "gru": ("update", "reset", "h")}
"""The gates and the states of every unit; the size of c and h is what regimes and trades compare."""

RETENTION = {"lstm": "forget", "gru": "update"}
"""The gate that says how much of a unit's state is retained: Keras' GRU multiplies the old state by its update gate."""

REGIMES = ("calm", "middle", "turbulent")
_BATCH = 512  # windows at a time: 60 bars of 32 units are 60 MB
_LOOK_BACK = 20  # bars of the volatility that tells calm from turbulent


@dataclass(frozen=True, kw_only=True, eq=False)
class Gates:
    """One member over its test rows.

    average: for each of ARRAYS the mean over rows, shape (steps, units). decision: the mean over units at the last bar,
    sizes for c and h, shape (rows,). log_retention: mean log of the gate of RETENTION by unit,
    shape (units,). layer: each unit's, from 0. probability: (rows,).
    """

    average: dict[str, Floats]
    decision: dict[str, Floats]
    log_retention: Floats
    layer: Rows
    probability: Floats


def cell_of(network: Network) -> str | None:
    """The cell whose gates a network has; None without any."""
    if isinstance(network, KerasNetwork):
        return network.cell
    return network.cell if network.cell in ARRAYS else None


def probability(network: Network, batches: list[Array]) -> Floats:
    """A member's chances of a rise; batches: each (steps, rows, features)."""
    if isinstance(network, KerasNetwork):
        return np.concatenate([network.probability(windows) for windows in batches])
    return _chance(np.concatenate([logits(network, forward(network, windows).h[-1]) for windows in batches]))


def observe(network: Network, batches: list[Array]) -> Gates:
    """Runs windows through a network with gates; batches: each (steps, rows, features)."""
    cell = str(cell_of(network))
    rows = sum(windows.shape[1] for windows in batches)
    average: dict[str, Floats] = {}
    decision: dict[str, list[Floats]] = {name: [] for name in ARRAYS[cell]}
    chances: list[Floats] = []
    log_retention: Floats = np.zeros(1)
    layer: Rows = np.zeros(0, dtype=np.int64)
    for windows in batches:
        arrays, layer, chance = look(network, windows)
        share = windows.shape[1] / rows
        for name, values in arrays.items():
            average[name] = average.get(name, 0.0) + share * values.mean(axis=1)
            decision[name].append(np.abs(values[-1]).mean(axis=-1))
        log_retention = log_retention + share * np.log(np.maximum(arrays[RETENTION[cell]], 1e-12)).mean(axis=(0, 1))
        chances.append(chance)
    return Gates(
        average=average,
        decision={name: np.concatenate(parts) for name, parts in decision.items()},
        log_retention=log_retention,
        layer=layer,
        probability=np.concatenate(chances),
    )


def look(network: Network, windows: Array) -> tuple[dict[str, Array], Rows, Floats]:
    """The arrays of ARRAYS, each of shape (steps, rows, units), each unit's layer, and the chances of a rise."""
    if isinstance(network, KerasNetwork):
        values, layer = network.gates(windows)
        return {name: values[name] for name in ARRAYS[str(network.cell)]}, layer, network.probability(windows)
    trace = forward(network, windows)
    arrays = {name: getattr(trace, name) for name in ARRAYS[network.cell]}
    return arrays, np.zeros(network.units, dtype=np.int64), _chance(logits(network, trace.h[-1]))


def _chance(logit: Array) -> Floats:
    return np.asarray(1 / (1 + np.exp(-logit)))


def time_constant(log_retention: Floats) -> Floats:
    """Bars in which a unit's state decays to 1/e when nothing is added: -1 / mean log of the gate that keeps it."""
    return np.asarray(-1 / np.minimum(log_retention, -1e-9))


def batches(subject: RunUnderStudy, member: Member, rows: Rows) -> list[Array]:
    """A member's windows, a few hundred at a time."""
    return [subject.windows(member, rows[first : first + _BATCH]) for first in range(0, len(rows), _BATCH)]


def by_unit(member: Member, values: Mapping[str, Array], *, layer: Rows) -> pd.DataFrame:
    """A row a unit and bar: model, fold, seed, layer, unit, lag and each gate and state; values: (steps, units)."""
    steps, units = next(iter(values.values())).shape
    lag, unit = np.meshgrid(np.arange(steps)[::-1], np.arange(units), indexing="ij")
    columns = {name: grid.ravel() for name, grid in values.items()}
    places = {"layer": layer[unit.ravel()], "unit": unit.ravel(), "lag": lag.ravel()}
    return pd.DataFrame({**_who(member), **places, **columns})


def constants(member: Member, stages: dict[str, Gates]) -> pd.DataFrame:
    """A row a unit and stage: the gate that keeps its state (geometric mean) and its time constant in bars."""
    parts = [
        pd.DataFrame(
            {
                **_who(member),
                "stage": stage,
                "layer": stages[stage].layer,
                "unit": np.arange(len(stages[stage].log_retention)),
                "retention": np.exp(stages[stage].log_retention),
                "bars": time_constant(stages[stage].log_retention),
            }
        )
        for stage in STAGES
    ]
    return pd.concat(parts, ignore_index=True)


def _who(member: Member) -> dict[str, object]:
    return {"model": member.model, "fold": member.fold, "seed": member.seed}


def volatility(subject: RunUnderStudy, rows: Rows) -> Floats:
    """Standard deviation of the log returns of the (at most) 20 bars before each decision, a bar, shape (rows,)."""
    ends = subject.data.windows.ends[rows]
    returns = np.diff(np.log(subject.closes), prepend=np.nan)
    steps = max(2, min(_LOOK_BACK, int(subject.bars_before(rows).min()) - 1))
    return np.asarray(returns[ends[:, None] - np.arange(steps)].std(axis=1))


def regimes(member: Member, gates: Gates, *, regime: Rows) -> pd.DataFrame:
    """Means at the decision in each third of volatility; regime: 0 to 2 for each test row."""
    rows = [
        {**_who(member), "regime": name, "gate": gate, "mean": float(values[in_regime].mean())}
        for number, name in enumerate(REGIMES)
        if (in_regime := regime == number).any()
        for gate, values in gates.decision.items()
    ]
    return pd.DataFrame(rows, columns=["model", "fold", "seed", "regime", "gate", "mean"])


def around(values: Floats, at: Rows, *, reach: int) -> Floats:
    """values at `reach` decisions before to after each event, shape (events, 2 reach + 1); events at the edge drop."""
    inside = at[(at >= reach) & (at < len(values) - reach)]
    return np.asarray(values[inside[:, None] + np.arange(-reach, reach + 1)])
