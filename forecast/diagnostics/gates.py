"""What an LSTM's gates do: bar by bar, unit by unit, in calm and in turbulent markets, and around changes of mind."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.diagnostics.loader import STAGES, Member, RunUnderStudy
from forecast.diagnostics.numpy_cells import Array, Trace, Weights, forward, logits
from pipelines.market.types import Floats
from pipelines.preprocessing.windows import Rows

ARRAYS = ("input", "forget", "output", "c", "h")
"""The three gates and the two states of every unit; the size of c and h is what regimes and trades compare."""

REGIMES = ("calm", "middle", "turbulent")
_BATCH = 512  # windows at a time: 60 bars of 32 units are 60 MB
_LOOK_BACK = 20  # bars of the volatility that tells calm from turbulent


@dataclass(frozen=True, kw_only=True, eq=False)
class Gates:
    """One member over its test rows.

    average: for each of ARRAYS the mean over rows, shape (steps, units). decision: the mean over units at the last bar,
    sizes for c and h, shape (rows,). forget: mean log of the forget gate by unit, shape (units,). probability: (rows,).
    """

    average: dict[str, Floats]
    decision: dict[str, Floats]
    forget: Floats
    probability: Floats


def observe(weights: Weights, batches: list[Array]) -> Gates:
    """Runs windows through an LSTM; batches: each (steps, rows, features)."""
    rows = sum(batch.shape[1] for batch in batches)
    average: dict[str, Floats] = {}
    decision: dict[str, list[Floats]] = {name: [] for name in ARRAYS}
    probability: list[Floats] = []
    forget = np.zeros(weights.units)
    for windows in batches:
        trace = forward(weights, windows)
        share = windows.shape[1] / rows
        for name, values in by_name(trace).items():
            average[name] = average.get(name, 0.0) + share * values.mean(axis=1)
            decision[name].append(np.abs(values[-1]).mean(axis=-1))
        forget += share * np.log(np.maximum(trace.forget, 1e-12)).mean(axis=(0, 1))
        probability.append(1 / (1 + np.exp(-logits(weights, trace.h[-1]))))
    return Gates(
        average=average,
        decision={name: np.concatenate(parts) for name, parts in decision.items()},
        forget=forget,
        probability=np.concatenate(probability),
    )


def by_name(trace: Trace) -> dict[str, Array]:
    """The arrays of ARRAYS, by name."""
    return {name: getattr(trace, name) for name in ARRAYS}


def time_constant(mean_log_forget: Floats) -> Floats:
    """Bars in which a unit's cell state decays to 1/e when nothing is added: -1 / mean log f."""
    return np.asarray(-1 / np.minimum(mean_log_forget, -1e-9))


def batches(subject: RunUnderStudy, member: Member, rows: Rows) -> list[Array]:
    """A member's windows, a few hundred at a time."""
    return [subject.windows(member, rows[first : first + _BATCH]) for first in range(0, len(rows), _BATCH)]


def averages(member: Member, gates: Gates) -> pd.DataFrame:
    """A row a unit and bar: fold, seed, unit, lag and the mean over test rows of each gate and state."""
    steps, units = gates.average["forget"].shape
    lag, unit = np.meshgrid(np.arange(steps)[::-1], np.arange(units), indexing="ij")
    columns = {name: values.ravel() for name, values in gates.average.items()}
    return pd.DataFrame({"fold": member.fold, "seed": member.seed, "unit": unit.ravel(), "lag": lag.ravel(), **columns})


def constants(member: Member, forget: dict[str, Floats]) -> pd.DataFrame:
    """A row a unit and stage: its forget gate (geometric mean) and its time constant in bars."""
    parts = [
        pd.DataFrame(
            {
                "fold": member.fold,
                "seed": member.seed,
                "stage": stage,
                "unit": np.arange(len(forget[stage])),
                "forget": np.exp(forget[stage]),
                "bars": time_constant(forget[stage]),
            }
        )
        for stage in STAGES
    ]
    return pd.concat(parts, ignore_index=True)


def volatility(subject: RunUnderStudy, rows: Rows) -> Floats:
    """Standard deviation of the log returns of the (at most) 20 bars before each decision, a bar, shape (rows,)."""
    ends = subject.data.windows.ends[rows]
    returns = np.diff(np.log(subject.data.bars.close), prepend=np.nan)
    steps = max(2, min(_LOOK_BACK, int(ends.min()) - 1))
    return np.asarray(returns[ends[:, None] - np.arange(steps)].std(axis=1))


def regimes(member: Member, gates: Gates, *, regime: Rows) -> pd.DataFrame:
    """Means at the decision in each third of volatility; regime: 0 to 2 for each test row."""
    rows = [
        {
            "fold": member.fold,
            "seed": member.seed,
            "regime": name,
            "gate": gate,
            "mean": float(values[in_regime].mean()),
        }
        for number, name in enumerate(REGIMES)
        if (in_regime := regime == number).any()
        for gate, values in gates.decision.items()
    ]
    return pd.DataFrame(rows, columns=["fold", "seed", "regime", "gate", "mean"])


def around(values: Floats, at: Rows, *, reach: int) -> Floats:
    """values at `reach` decisions before to after each event, shape (events, 2 reach + 1); events at the edge drop."""
    inside = at[(at >= reach) & (at < len(values) - reach)]
    return np.asarray(values[inside[:, None] + np.arange(-reach, reach + 1)])
