"""Everything else that speaks for or against a network, beside the one comparison that decides the verdict."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from forecast.config.significance import SIGNIFICANCE
from forecast.statistics.comparisons import Sessions, daily_sums, is_network
from forecast.statistics.forecast_accuracy import ensembles
from forecast.statistics.forecast_tests import diebold_mariano, label_horizon, log_losses, pesaran_timmermann
from forecast.statistics.multiple_testing import common_block, confidence_set, holm, superior_predictive_ability
from forecast.statistics.overfitting import probability_of_overfitting
from forecast.statistics.performance import bar_returns, earned, position_changes
from forecast.statistics.sharpe_ratio import (
    autocorrelation,
    deflated_sharpe,
    effective_trials,
    minimum_backtest_length,
    moments,
    probabilistic_sharpe,
)
from forecast.statistics.trading_costs import break_even
from forecast.statistics.tried_returns import DailyReturns, correlations
from forecast.trading.simulator import Ledger
from pipelines.market.times import utc
from pipelines.market.types import Floats

if TYPE_CHECKING:
    import pandas as pd

LEVEL = SIGNIFICANCE.level
DRAWS = 2_000  # a p-value of 0.05 is then known to within 0.005; the verdict itself takes more
HOLDING = "buy_and_hold"
BLOCKS = 16  # of time, half of them in sample: 12,870 ways to split
_DAYS_A_BLOCK = 5

Accounts = Mapping[str, Mapping[str, Ledger]]


def evidence(
    accounts: Accounts, *, sessions: Sessions | None, per_year: float, trials: int,
    trial_returns: Sequence[DailyReturns] = (), rng: np.random.Generator,
) -> dict[str, Any]:  # fmt: skip
    """Seeds, ranking, Sharpe ratios and costs of one backtest, JSON-ready; empty with fewer than 20 days (or bars).

    accounts: model -> member -> ledger, over the same bars. per_year: days (or bars, whatever daily_sums makes of
    sessions) in a year. trials: strategies tried until these were shown, themselves included. tried: those of them
    whose daily returns are known.
    """
    networks = [model for model in accounts if is_network(model)]
    nets = {
        (model, member): daily_sums(bar_returns(ledger), sessions=sessions)
        for model, members in accounts.items()
        for member, ledger in members.items()
    }
    values = {key: daily for key, (daily, _) in nets.items()}
    unit = next(unit for _, unit in nets.values())
    days = len(next(iter(values.values())))
    if days < SIGNIFICANCE.fewest or not networks or not all(np.all(np.isfinite(daily)) for daily in values.values()):
        return {}
    ensembles = {model: values[model, "ensemble"] for model in accounts}
    table = np.stack(list(ensembles.values()), axis=1)
    block = common_block(table)
    shared: dict[str, Any] = {"block": block, "draws": DRAWS, "rng": rng}
    results: dict[str, Any] = {"unit": unit, "observations": days, "block": block, "draws": DRAWS}
    active = [model for model in networks if np.any(accounts[model]["ensemble"].position)]
    if HOLDING in accounts and active:
        chosen = np.stack([ensembles[model] for model in active], axis=1)
        p_value = superior_predictive_ability(chosen, ensembles[HOLDING], **shared)
        results["superior"] = {"benchmark": HOLDING, "strategies": len(active), "p_value": p_value}
    results["overfitting"] = _overfitting(accounts, values)
    results["confidence_set"] = confidence_set(table, list(ensembles), **shared)
    effective = effective_trials(trials, correlations(trial_returns))
    other_returns = [trial.returns for trial in trial_returns] if unit == "day" else []
    results["sharpe"] = _sharpe(values, networks, trials=trials, effective=effective, other_returns=other_returns)
    results["minimum_length"] = {
        "trials": trials, "effective_trials": effective, "years": minimum_backtest_length(effective, sharpe=1.0),
    }  # fmt: skip
    results["years"] = days / per_year
    return {**results, **_costs(accounts, networks, sessions=sessions, shared=shared)}


def forecast_tests(predictions: "pd.DataFrame", *, ordinal: Collection[str] = ()) -> dict[str, Any]:
    """Diebold-Mariano on the log loss of the first two networks, and Pesaran-Timmermann on each one's directions.

    predictions: a run's predictions.parquet; each network's probability is the mean over its seeds. ordinal: models
    whose numbers are no probabilities, which have no log loss.
    """
    means = {
        model: mean[np.isfinite(mean["target"])] for model, mean in ensembles(predictions).items() if is_network(model)
    }
    directions = {}
    for model, mean in means.items():
        apart = label_horizon(utc(mean["entry_at"]), utc(mean["exit_at"]))
        alone = mean.iloc[::apart]  # the test takes decisions as independent, labels that overlap are not
        outcome = pesaran_timmermann(alone["target"].to_numpy() > 0.5, alone["probability"].to_numpy() > 0.5)
        directions[model] = asdict(outcome)
    for row, step in zip(directions.values(), _holm_of(directions), strict=True):
        row["p_adjusted"] = step
    results: dict[str, Any] = {"direction": directions}
    names = sorted((model for model in means if model not in ordinal), key=lambda model: model != "lstm")[:2]
    if len(names) == 2 and len(means[names[0]]) == len(means[names[1]]):
        first, second = (means[model] for model in names)
        losses, benchmark_losses = (
            log_losses(mean["target"].to_numpy(), mean["probability"].to_numpy()) for mean in (first, second)
        )
        horizon = label_horizon(utc(first["entry_at"]), utc(first["exit_at"]))
        outcome = diebold_mariano(losses, benchmark_losses, horizon=horizon)
        difference = float(losses.mean() - benchmark_losses.mean())
        results["diebold_mariano"] = {
            "model": names[0], "rival": names[1], "horizon": horizon, "mean_difference": difference, **asdict(outcome),
        }  # fmt: skip
    return results


def _holm_of(directions: Mapping[str, Mapping[str, Any]]) -> list[float | None]:
    """P-values corrected over the networks (Holm 1979), None where there is none."""
    p_values = [row["p_value"] for row in directions.values() if row["p_value"] is not None]
    steps = iter(holm(p_values, level=LEVEL))
    return [None if row["p_value"] is None else next(steps).p_adjusted for row in directions.values()]


def _overfitting(accounts: Accounts, values: Mapping[tuple[str, str], Floats]) -> dict[str, Any] | None:
    """Of everything one could have picked here: each seed, each ensemble, each baseline that ever held something."""
    picked = [key for key in values if np.any(accounts[key[0]][key[1]].position)]
    days = len(next(iter(values.values())))
    if len(picked) < 2 or days < BLOCKS * _DAYS_A_BLOCK:
        return None
    table = np.stack([values[key] for key in picked], axis=1)
    share = probability_of_overfitting(table, blocks=BLOCKS)
    return {"probability": share, "strategies": len(picked), "blocks": BLOCKS, "splits": math.comb(BLOCKS, BLOCKS // 2)}


def _sharpe(
    values: Mapping[tuple[str, str], Floats], networks: Sequence[str], *, trials: int, effective: float,
    other_returns: Sequence[Floats],
) -> dict[str, Any]:  # fmt: skip
    """Of each network's ensemble: how sure its Sharpe ratio is above zero, before and after counting the trials.

    effective: how many independent ones the trials are worth. others: daily returns of other tries.
    """
    members = {key: moments(daily) for key, daily in values.items() if key[0] in networks}
    ratios = [moment[0] for moment in [*members.values(), *map(moments, other_returns)] if moment is not None]
    noise = 1.0 / len(next(iter(values.values())))  # two tries differ at least by what a Sharpe ratio errs
    variance = max(noise, float(np.var(ratios, ddof=1)) if len(ratios) > 1 else 0.0)
    counted = {"trials": trials, "effective_trials": effective}
    results: dict[str, Any] = {}
    for model in networks:
        ensemble = members[model, "ensemble"]
        if ensemble is None:
            results[model] = {**counted, "probability": None, "deflated": None, "autocorrelation": None}
            continue
        ratio, skew, kurtosis = ensemble
        shared: dict[str, Any] = {
            "observations": len(values[model, "ensemble"]), "skew": skew, "kurtosis": kurtosis,
            "autocorrelation": autocorrelation(values[model, "ensemble"]),
        }  # fmt: skip
        results[model] = {
            **counted,
            "probability": probabilistic_sharpe(ratio, benchmark=0.0, **shared),
            "deflated": deflated_sharpe(ratio, trials=effective, trial_variance=variance, **shared),
            "autocorrelation": shared["autocorrelation"],
        }
    return results


def _costs(
    accounts: Accounts, networks: Sequence[str], *, sessions: Sessions | None, shared: Mapping[str, Any]
) -> dict[str, Any]:
    """Cost, as a fraction of what is traded, at which each ensemble gains nothing, and at which two gain the same."""
    traded = {model: _gross_and_turnover(accounts[model]["ensemble"], sessions=sessions) for model in networks}
    results: dict[str, Any] = {
        "break_even": {model: asdict(break_even(*sums, level=LEVEL, **shared)) for model, sums in traded.items()}
    }
    if len(networks) > 1:
        model, benchmark = sorted(networks[:2], key=lambda name: name != "lstm")
        gross, turnover = (first - second for first, second in zip(traded[model], traded[benchmark], strict=True))
        even = asdict(break_even(gross, turnover, level=LEVEL, **shared))
        busier = model if turnover.mean() > 0 else benchmark
        results["even"] = {"model": model, "rival": benchmark, "busier": busier, "gross": float(gross.mean()), **even}
    return results


def _gross_and_turnover(account: Ledger, *, sessions: Sessions | None) -> tuple[Floats, Floats]:
    """Gross return and size of the trades of each day; closing belongs to the last bar held."""
    changes = position_changes(account)
    turnover = np.append(changes[:-2], changes[-2:].sum())
    return daily_sums(earned(account)[:-1], sessions=sessions)[0], daily_sums(turnover, sessions=sessions)[0]
