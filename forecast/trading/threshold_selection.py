"""What is chosen before a test block begins: calibration, band and payoffs, from the fold's validation rows alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.experiment import is_baseline
from forecast.config.trading import AUTO, TradingConfig
from forecast.trading.market_state import MarketState, place
from forecast.trading.position_sizing import targets
from forecast.trading.probability_calibration import FEWEST, ProbabilityCalibration, fit
from forecast.trading.signals import EnsemblePredictions, decide, members
from forecast.trading.simulator import account
from pipelines.errors import RunError
from pipelines.market.types import Floats

BANDS = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3)
"""What --threshold auto chooses from; fixed, so that no look at results can change it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ThresholdChoice:
    """What one member of one model trades one fold with. gain, loss: mean rise and fall, NaN where there is none.

    utility: mean logarithm of growth a decision that the band had on the validation rows; None where none was chosen.
    """

    model: str
    member: str
    fold: int
    rows: int
    calibration: ProbabilityCalibration
    band: float
    utility: float | None
    gain: float
    loss: float
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        found = self.calibration.to_json()
        payoffs = {
            name: value if np.isfinite(value) else None for name, value in (("gain", self.gain), ("loss", self.loss))
        }
        notes = [each for each in (found.pop("note"), self.note) if each]
        named = {"model": self.model, "member": self.member, "fold": self.fold, "rows": self.rows}
        return {**named, **found, "band": self.band, "utility": self.utility, **payoffs, "note": "; ".join(notes)}


def choose(validation: pd.DataFrame, known: MarketState, *, rules: TradingConfig) -> list[ThresholdChoice]:
    """Choices of every member and fold, folds in order. validation: rows of a run's validation.parquet.

    Each fold's choices are made on its own validation rows and on bars up to the last one's exit. The band is the one
    of BANDS with the highest mean log growth when these rows are traded as the test rows will be: same calibration,
    policy, sizes, costs; the narrowest of equals. Rows that were calibrated on are chosen on: a little too hopeful, and
    alike for all.
    """
    found = []
    for fold, rows in validation.groupby("fold", sort=True):
        found += _choose(members(rows), known, fold=int(str(fold)), rules=rules)
    return found


def per_decision(choices: Sequence[ThresholdChoice], made: EnsemblePredictions, what: str) -> Floats:
    """One number of the choices (band, gain, loss) for every member and decision, shape (members, decisions).

    Raises:
        RunError: a fold or a member without a choice.
    """
    folds, place = np.unique(made.fold, return_inverse=True)
    value = {(each.model, each.member, each.fold): float(getattr(each, what)) for each in choices}
    try:
        table = np.array([[value[model, member, int(fold)] for fold in folds] for model, member in made.names])
    except KeyError as error:
        raise RunError(
            f"validation.parquet lacks rows of {error.args[0]}. Train the run again: forecast train SYMBOL --overwrite."
        ) from error
    return table[:, place]


def recalibrated(choices: Sequence[ThresholdChoice], made: EnsemblePredictions) -> Floats:
    """Every member's probabilities through the map of their fold, shape (members, decisions)."""
    probability = made.probability.copy()
    row = {name: number for number, name in enumerate(made.names)}
    for each in choices:
        if (each.model, each.member) in row:
            place = row[each.model, each.member], made.fold == each.fold
            probability[place] = each.calibration.apply(probability[place])
    return probability


def _choose(made: EnsemblePredictions, known: MarketState, *, fold: int, rules: TradingConfig) -> list[ThresholdChoice]:
    nothing = (made.exit_at <= made.entry_at) & (made.forward_return == 0.0)  # the session left no room for a trade
    target = np.where(nothing, np.nan, made.target)
    maps = [fit(each, target, kind=rules.calibration) for each in made.probability]
    probability = np.stack([each.apply(said) for each, said in zip(maps, made.probability, strict=True)])
    gain, loss, note = _payoffs(made.forward_return, rules=rules)
    bands = [
        0.0 if rules.threshold == AUTO or is_baseline(model) else float(rules.threshold) for model, _ in made.names
    ]
    utility: list[float | None] = [None] * len(made.names)
    if rules.threshold == AUTO and len(made.target) < FEWEST:
        note = "; ".join([*filter(None, [note]), f"{len(made.target)} validation rows are too few to choose a band: 0"])
    elif rules.threshold == AUTO:
        table = _utilities(made, probability, known, rules=rules, gain=gain, loss=loss)
        best = table.argmax(axis=1)
        bands = [BANDS[each] for each in best]
        utility = [float(row[each]) if np.isfinite(row[each]) else None for row, each in zip(table, best, strict=True)]
    return [
        ThresholdChoice(
            model=model,
            member=member,
            fold=fold,
            rows=len(made.target),
            calibration=maps[number],
            band=bands[number],
            utility=utility[number],
            gain=gain,
            loss=loss,
            note=note,
        )
        for number, (model, member) in enumerate(made.names)
    ]


def _utilities(
    made: EnsemblePredictions,
    probability: Floats,
    known: MarketState,
    *,
    rules: TradingConfig,
    gain: float,
    loss: float,
) -> Floats:
    """Mean log growth a decision of every member at every band, shape (members, bands); ruin is minus infinity."""
    total = np.zeros((len(made.names), len(BANDS)))
    wide = np.repeat(probability, len(BANDS), axis=0)
    bands = np.tile(np.array(BANDS), len(made.names))[:, None]
    left, right = (np.searchsorted(known.opened_at, made.entry_at, side=side) for side in ("left", "right"))
    breaks = np.flatnonzero(left[1:] > right[:-1]) + 1  # rows that do not follow each other are accounts of their own
    for start, stop in pairwise([0, *breaks.tolist(), len(left)]):
        rows = slice(start, stop)
        part = known.rows(place(known.opened_at, made.entry_at[rows]))
        wanted = targets(
            decide(wide[:, rows], band=bands), wide[:, rows], rules=rules, volatility=part.volatility[:-1],
            gain=gain, loss=loss,
        )  # fmt: skip
        held = account(
            part.closed_overnight(wanted)[:, None], opened_at=part.opened_at, opens=part.opens[None], costs=rules.costs,
            spread=None if part.spread is None else part.spread[None], tradable=part.tradable[None],
        )  # fmt: skip
        with np.errstate(divide="ignore"):
            total += np.log1p(held.net_return).sum(axis=1).reshape(total.shape)
    return total / len(made.target)


def _payoffs(forward_return: Floats, *, rules: TradingConfig) -> tuple[float, float, str]:
    rises, falls = forward_return[forward_return > 0], forward_return[forward_return < 0]
    if len(rises) and len(falls):
        return float(rises.mean()), float(-falls.mean()), ""
    note = "validation rows of one class only: Kelly's fraction is not known, nothing is held"
    return np.nan, np.nan, note if rules.sizing == "kelly" else ""
