"""A panel's probabilities recalibrated by maps that are fitted on the validation rows of each fold, of all symbols."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from forecast.evaluation.panel.rows import Member, PanelRows, panel_rows
from forecast.statistics.comparisons import is_network
from forecast.trading.probability_calibration import ProbabilityCalibration, fit
from pipelines.errors import RunError

CalibrationMaps = Mapping[tuple[Member, int], ProbabilityCalibration]
"""The map of each member in each fold; empty: nothing is recalibrated."""


def calibration_maps(validation: pd.DataFrame, *, kind: str) -> CalibrationMaps:
    """One map for all symbols: a symbol alone has too few validation rows for one of its own.

    validation: rows of validation.parquet. kind: as forecast.trading.probability_calibration.fit takes it.
    """
    if kind == "none":
        return {}
    maps: dict[tuple[Member, int], ProbabilityCalibration] = {}
    for fold, part in validation.groupby("fold", sort=True):
        rows = panel_rows(part)
        untradable = (rows.exit_at <= rows.entry_at) & (rows.forward_return == 0.0)
        target = np.where(untradable, np.nan, rows.target)
        for member, probability in rows.probability.items():
            maps[member, int(str(fold))] = fit(probability, target, kind=kind)
    return maps


def recalibrated(rows: PanelRows, maps: CalibrationMaps) -> PanelRows:
    """The same rows with every member's probabilities through the map of their fold.

    Raises:
        RunError: a fold or a member without validation rows.
    """
    if not maps:
        return rows
    folds = np.unique(rows.fold).tolist()
    mapped = {}
    for member, probability in rows.probability.items():
        mapped[member] = probability.copy()
        for fold in folds:
            if (member, fold) not in maps:
                raise lacks_validation(member[0], fold)
            of_fold = rows.fold == fold
            mapped[member][of_fold] = maps[member, fold].apply(probability[of_fold])
    return replace(rows, probability=mapped)


def validation_rows(validation: pd.DataFrame, *, maps: CalibrationMaps) -> dict[int, PanelRows]:
    """Of each fold its validation rows, with the recalibrated probabilities of the networks."""
    checked = {}
    for fold, part in validation.groupby("fold", sort=True):
        rows = panel_rows(part)
        networks = {name: probability for name, probability in rows.probability.items() if is_network(name[0])}
        checked[int(str(fold))] = recalibrated(replace(rows, probability=networks), maps)
    return checked


def lacks_validation(model: str, fold: int) -> RunError:
    """What to raise where a choice has no rows to be made on."""
    return RunError(f"validation.parquet lacks rows of {model} in fold {fold}. Train the run again: --overwrite.")
