"""The backtest's part of the proof of no lookahead: fills, and what was chosen before each test block.

Fills are checked against the bars. Signals, sizes and choices are made again with the test rows, and the bars from the
first test decision on, cut off and with others in their place; what came before must come out the same.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.config.trading import TradingConfig
from forecast.runs.manifest import sealed
from forecast.trading import strategy
from forecast.trading.market_state import fill_prices
from forecast.trading.strategy import StrategyResult
from pipelines.errors import ForecastError
from pipelines.market.times import utc

_PRICES = ["open", "high", "low", "close"]


def certify_fills(
    certificate: dict[str, Any] | None,
    result: StrategyResult,
    predictions: pd.DataFrame,
    bars: pd.DataFrame,
    **inputs: Any,
) -> dict[str, Any] | None:
    """The training's certificate with the backtest's own checks. material: what `accounts` took besides.

    None for a run that was trained without one.
    """
    if certificate is None:
        return None
    failures, compared = list(certificate["failures"]), certificate["compared"]
    for check in (
        _fills(result, bars, rules=inputs["rules"]),
        _order(result, inputs["validation"]),
        _recomputed(result, predictions, bars, inputs),
    ):
        for failure, fine in check:
            compared += 1
            if not fine:
                failures.append(failure)
    content = {
        **certificate,
        "backtest": inputs["rules"].name,
        "passed": not failures,
        "compared": compared,
        "failures": list(dict.fromkeys(failures)),
    }
    return sealed(content)


def _fills(result: StrategyResult, bars: pd.DataFrame, *, rules: TradingConfig) -> Iterator[tuple[str, bool]]:
    """Each fill at the open after its decision, no sooner, and only where there was something to trade."""
    bars_traded, opens = bars.iloc[result.traded], fill_prices(bars, rules=rules)[result.traded]
    opened_at, volume = utc(bars_traded["opened_at"]), bars_traded["volume"].to_numpy()
    idle = (volume[:-1] == 0) & bool(np.any(bars["volume"] > 0))
    for ledger in result.ledgers:
        account = f"{ledger.model} {ledger.member}"
        decided_at = result.members.decided_at
        early = len(ledger.time) != len(opened_at) or np.any(decided_at > ledger.time[: len(decided_at)])
        yield f"{account} is filled before it has decided", not early
        earns = ledger.position[:-1] * (opens[1:] / opens[:-1] - 1.0)
        fair = np.array_equal(ledger.time, opened_at) and np.allclose(
            ledger.gross_return[:-1], earns, rtol=0.0, atol=1e-12
        )
        yield f"{account} earns something else than from open to open", bool(fair)
        filled = ledger.traded is not None and bool(np.any(ledger.traded[:-1][idle]))
        yield f"{account} trades at an open without volume", not filled


def _order(result: StrategyResult, validation: pd.DataFrame | None) -> Iterator[tuple[str, bool]]:
    """What was chosen on was known before what it was chosen for."""
    if validation is None:
        return
    for fold, rows in validation.groupby("fold"):
        tested = result.members.decided_at[result.members.fold == fold]
        last_exit = utc(rows["exit_at"]).max()
        yield (
            f"a validation row of fold {fold} is known too late for what is chosen on it",
            bool(last_exit < tested.min()),
        )


def _recomputed(
    result: StrategyResult, predictions: pd.DataFrame, bars: pd.DataFrame, inputs: dict[str, Any]
) -> Iterator[tuple[str, bool]]:
    """Choices and targets up to the first decision of each fold, made again without what came after, or with other."""
    rng = np.random.default_rng(0)
    validation = inputs["validation"]
    for fold in np.unique(result.members.fold):
        first = int(np.flatnonzero(result.members.fold == fold)[0])
        cutoff = result.members.decided_at[first]
        past = None if validation is None else validation[validation["fold"] <= fold]
        end = result.traded.start + first + 2  # its fill and the open after it, without which there is no account
        for how in ("removed", "scrambled"):
            rows, prices = (
                _without(predictions, bars, cutoff=cutoff, first=first, end=end)
                if how == "removed"
                else _with_other_future(predictions, bars, cutoff=cutoff, rng=rng)
            )
            try:
                recomputed = strategy.accounts(
                    rows, prices, **{**inputs, "validation": past if how == "removed" else validation}
                )
            except ForecastError:
                yield f"signals of fold {fold} cannot be made when the test rows are {how}", False
                continue
            for subject, unchanged in _compare(result, recomputed, fold=int(fold), before=first):
                yield f"{subject} of fold {fold} change when its test rows are {how}", unchanged


def _compare(
    result: StrategyResult, recomputed: StrategyResult, *, fold: int, before: int
) -> Iterator[tuple[str, bool]]:
    yield "signals before those", np.array_equal(result.signals[:, :before], recomputed.signals[:, :before])
    yield (
        "targets before those",
        np.array_equal(result.targets[:, :before], recomputed.targets[:, :before], equal_nan=True),
    )
    if not result.choices:
        return
    choices, recomputed_choices = (
        [choice for choice in audited.choices if choice.fold == fold] for audited in (result, recomputed)
    )
    yield "bands", [choice.band for choice in choices] == [choice.band for choice in recomputed_choices]
    yield (
        "calibrations",
        len(choices) == len(recomputed_choices)
        and all(
            np.array_equal(first.calibration.apply(_GRID), second.calibration.apply(_GRID))
            for first, second in zip(choices, recomputed_choices, strict=True)
        ),
    )
    payoffs = [[(choice.gain, choice.loss, choice.rows) for choice in side] for side in (choices, recomputed_choices)]
    yield "payoffs", np.array_equal(payoffs[0], payoffs[1], equal_nan=True)


_GRID: NDArray[np.float64] = np.linspace(0.01, 0.99, 99)


def _without(
    predictions: pd.DataFrame, bars: pd.DataFrame, *, cutoff: np.datetime64, first: int, end: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Everything up to the decision at the cut, and the two bars that it takes to trade it."""
    number = predictions.groupby(["model", "seed"], sort=False).cumcount()
    return predictions[number <= first], bars.iloc[:end]


def _with_other_future(
    predictions: pd.DataFrame, bars: pd.DataFrame, *, cutoff: np.datetime64, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Other probabilities, outcomes and prices from the cut on."""
    later, after = utc(predictions["decided_at"]) >= cutoff, utc(bars["closed_at"]) > cutoff
    count, prices = len(predictions), bars.copy()
    columns = {
        "probability": rng.random(count),
        "target": rng.integers(0, 2, count),
        "forward_return": rng.normal(0, 0.1, count),
    }
    rows = predictions.assign(**{name: np.where(later, values, predictions[name]) for name, values in columns.items()})
    drift = np.exp(np.cumsum(np.where(after, rng.normal(0, 0.05, len(bars)), 0.0)))
    scaled = [*_PRICES, *(name for name in ("bid", "ask") if name in prices)]
    prices[scaled] = prices[scaled].to_numpy() * drift[:, None]
    volume = prices["volume"].to_numpy(np.float64).copy()
    volume[after] = rng.permutation(volume[after]) * 3
    return rows, prices.assign(volume=volume)
