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
        calibration = self.calibration.to_json()
        payoffs = {
            name: value if np.isfinite(value) else None for name, value in (("gain", self.gain), ("loss", self.loss))
        }
        notes = [text for text in (calibration.pop("note"), self.note) if text]
        identity = {"model": self.model, "member": self.member, "fold": self.fold, "rows": self.rows}
        return {
            **identity,
            **calibration,
            "band": self.band,
            "utility": self.utility,
            **payoffs,
            "note": "; ".join(notes),
        }


def choose(validation: pd.DataFrame, market: MarketState, *, rules: TradingConfig) -> list[ThresholdChoice]:
    """Choices of every member and fold, folds in order. validation: rows of a run's validation.parquet.

    Each fold's choices are made on its own validation rows and on bars up to the last one's exit. The band is the one
    of BANDS with the highest mean log growth when these rows are traded as the test rows will be: same calibration,
    policy, sizes, costs; the narrowest of equals. Rows that were calibrated on are chosen on: a little too hopeful, and
    alike for all.
    """
    choices = []
    for fold, rows in validation.groupby("fold", sort=True):
        choices += _choose(members(rows), market, fold=int(str(fold)), rules=rules)
    return choices


def per_decision(choices: Sequence[ThresholdChoice], ensembles: EnsemblePredictions, field_name: str) -> Floats:
    """One number of the choices (band, gain, loss) for every member and decision, shape (members, decisions).

    Raises:
        RunError: a fold or a member without a choice.
    """
    folds, place = np.unique(ensembles.fold, return_inverse=True)
    value = {(choice.model, choice.member, choice.fold): float(getattr(choice, field_name)) for choice in choices}
    try:
        table = np.array([[value[model, member, int(fold)] for fold in folds] for model, member in ensembles.names])
    except KeyError as error:
        raise RunError(
            f"validation.parquet lacks rows of {error.args[0]}. Train the run again: forecast train SYMBOL --overwrite."
        ) from error
    return table[:, place]


def recalibrated(choices: Sequence[ThresholdChoice], ensembles: EnsemblePredictions) -> Floats:
    """Every member's probabilities through the map of their fold, shape (members, decisions)."""
    probability = ensembles.probability.copy()
    row = {name: number for number, name in enumerate(ensembles.names)}
    for choice in choices:
        if (choice.model, choice.member) in row:
            place = row[choice.model, choice.member], ensembles.fold == choice.fold
            probability[place] = choice.calibration.apply(probability[place])
    return probability


def _choose(
    ensembles: EnsemblePredictions, market: MarketState, *, fold: int, rules: TradingConfig
) -> list[ThresholdChoice]:
    # the session left no room for a trade
    untradable = (ensembles.exit_at <= ensembles.entry_at) & (ensembles.forward_return == 0.0)
    target = np.where(untradable, np.nan, ensembles.target)
    maps = [fit(probabilities, target, kind=rules.calibration) for probabilities in ensembles.probability]
    probability = np.stack(
        [calibration.apply(raw) for calibration, raw in zip(maps, ensembles.probability, strict=True)]
    )
    gain, loss, note = _payoffs(ensembles.forward_return, rules=rules)
    bands = [
        0.0 if rules.threshold == AUTO or is_baseline(model) else float(rules.threshold) for model, _ in ensembles.names
    ]
    utility: list[float | None] = [None] * len(ensembles.names)
    if rules.threshold == AUTO and len(ensembles.target) < FEWEST:
        note = "; ".join(
            [*filter(None, [note]), f"{len(ensembles.target)} validation rows are too few to choose a band: 0"]
        )
    elif rules.threshold == AUTO:
        table = _utilities(ensembles, probability, market, rules=rules, gain=gain, loss=loss)
        best = table.argmax(axis=1)
        bands = [BANDS[index] for index in best]
        utility = [
            float(row[index]) if np.isfinite(row[index]) else None for row, index in zip(table, best, strict=True)
        ]
    return [
        ThresholdChoice(
            model=model,
            member=member,
            fold=fold,
            rows=len(ensembles.target),
            calibration=maps[number],
            band=bands[number],
            utility=utility[number],
            gain=gain,
            loss=loss,
            note=note,
        )
        for number, (model, member) in enumerate(ensembles.names)
    ]


def _utilities(
    ensembles: EnsemblePredictions,
    probability: Floats,
    market: MarketState,
    *,
    rules: TradingConfig,
    gain: float,
    loss: float,
) -> Floats:
    """Mean log growth a decision of every member at every band, shape (members, bands); ruin is minus infinity."""
    total = np.zeros((len(ensembles.names), len(BANDS)))
    wide = np.repeat(probability, len(BANDS), axis=0)
    bands = np.tile(np.array(BANDS), len(ensembles.names))[:, None]
    first, after = (np.searchsorted(market.opened_at, ensembles.entry_at, side=side) for side in ("left", "right"))
    # rows that do not follow each other are accounts of their own
    breaks = np.flatnonzero(first[1:] > after[:-1]) + 1
    for start, stop in pairwise([0, *breaks.tolist(), len(first)]):
        rows = slice(start, stop)
        part = market.rows(place(market.opened_at, ensembles.entry_at[rows]))
        target_positions = targets(
            decide(wide[:, rows], band=bands), wide[:, rows], rules=rules, volatility=part.volatility[:-1],
            gain=gain, loss=loss,
        )  # fmt: skip
        simulated = account(
            part.held_to_the_end(target_positions)[:, None], opened_at=part.opened_at, opens=part.opens[None],
            costs=rules.costs, spread=None if part.spread is None else part.spread[None], tradable=part.tradable[None],
        )  # fmt: skip
        with np.errstate(divide="ignore"):
            total += np.log1p(simulated.net_return).sum(axis=1).reshape(total.shape)
    return total / len(ensembles.target)


def _payoffs(forward_return: Floats, *, rules: TradingConfig) -> tuple[float, float, str]:
    rises, falls = forward_return[forward_return > 0], forward_return[forward_return < 0]
    if len(rises) and len(falls):
        return float(rises.mean()), float(-falls.mean()), ""
    note = "validation rows of one class only: Kelly's fraction is not known, nothing is held"
    return np.nan, np.nan, note if rules.sizing == "kelly" else ""
