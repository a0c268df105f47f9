"""All the numbers of one backtest, ready for metrics.json."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from forecast.config.significance import SIGNIFICANCE
from forecast.statistics.comparisons import (
    BUY_AND_HOLD,
    Comparison,
    Sessions,
    daily_sums,
    is_network,
    money_comparisons,
    skill_comparisons,
)
from forecast.statistics.forecast_accuracy import ensembles, prediction_quality
from forecast.statistics.performance import Metrics, bar_returns, performance, sampled_growth
from forecast.statistics.robustness import evidence, forecast_tests
from forecast.statistics.skill import SkillScores, skill_scores
from forecast.statistics.tried_returns import DailyReturns
from forecast.statistics.verdict import Caveat, Verdict
from forecast.trading.signals import ENSEMBLE
from forecast.trading.simulator import Ledger

if TYPE_CHECKING:
    import pandas as pd

_CRASH_SKEW = -2.0  # of daily differences: small steady gains, rare large losses
_TOO_GOOD_SHARPE = 4.0  # annualised, of one decision per session
_TOO_ACCURATE = 0.10  # above the commoner direction's share: 60 % where both are as common
_TOO_ACCURATE_WITHIN_SESSIONS = 0.20  # prices that bounce between bid and ask are easier to name than to earn


def summarise(
    ledgers: Sequence[Ledger],
    predictions: "pd.DataFrame | None",
    *,
    bars_per_year: float,
    sessions: Sessions | None,
    config: Mapping[str, Any],
    decision_sessions: Mapping[str, Sessions] | None = None,
    seed: int = 0,
    trials: int | None = None,
    trial_returns: Sequence[DailyReturns] = (),
    validation: "pd.DataFrame | None" = None,
    caveats: Sequence[Caveat] = (),
    unseeded: Collection[str] = (),
    ordinal: Collection[str] = (),
    scores: SkillScores | None = None,
    spells: Mapping[tuple[str, str], Mapping[str, float | None]] | None = None,
) -> dict[str, Any]:
    """Period, performance, prediction quality, robustness checks and the verdict, in natural units (0.05 is 5 %).

    ledgers: one symbol, the same bars; every model has an "ensemble" member, networks one member a seed besides.
    predictions: a run's predictions.parquet, or those of several symbols, None where skill is not to be judged.
    sessions: the session date of each ledger row, datetime64[D], shape (bars,), or None where bars are not to be summed
    to days. decision_sessions: symbol -> the session date of each of its decisions; those of the ledger when not given.
    config: policy, threshold and costs, kept beside the numbers that follow from them. seed: of the bootstrap of the
    robustness checks. trials: configurations tried, this one included, each of which tried every network. tried: daily
    returns of those that are known, these ledgers' networks among them. validation:
    a run's validation.parquet, whose share of rises is the base rate that was known before the tests. caveats: what
    else limits the verdict, of which the numbers here know nothing. unseeded: models whose forecasts are judged as they
    are, since nobody said which training they come from. ordinal: models whose numbers are scores or signals and no
    probabilities: they have no log loss and no Brier score. scores: daily scores of
    skill, where they are not to be worked out from the predictions (a panel's ranks across its symbols). spells: of
    (model, member), the trades of an account of several symbols, whose ledger has none.

    Raises:
        ValueError: no ledgers, or ledgers of several symbols or of different bars.
    """
    if not ledgers or len({ledger.symbol for ledger in ledgers}) != 1:
        raise ValueError(f"Expected ledgers of one symbol, got {sorted({ledger.symbol for ledger in ledgers})}.")
    time = ledgers[0].time
    if any(not np.array_equal(ledger.time, time) for ledger in ledgers):
        raise ValueError("Expected ledgers with the same times, got different ones.")
    first, last = (f"{np.datetime_as_string(at, unit='s')}Z" for at in (time[0], time[-1]))
    accounts: dict[str, dict[str, Ledger]] = {}
    for ledger in ledgers:
        accounts.setdefault(ledger.model, {})[ledger.member] = ledger
    networks = [model for model in accounts if is_network(model)]
    comparisons = compare(
        ledgers, predictions, sessions=sessions, decision_sessions=decision_sessions, unseeded=unseeded, scores=scores
    )
    per_year = _units_per_year(comparisons, bars=len(time) - 1, bars_per_year=bars_per_year)
    robustness = evidence(
        accounts, sessions=sessions, per_year=per_year, trials=(trials or 1) * max(1, len(networks)),
        trial_returns=trial_returns, rng=np.random.default_rng([seed, 1]),
    )  # fmt: skip
    tests = {} if predictions is None else forecast_tests(predictions, ordinal=ordinal)
    prediction = {} if predictions is None else _by_model(_qualities(predictions, ordinal=ordinal))
    verdict = Verdict(
        comparisons=tuple(comparisons),
        caveats=(
            *caveats,
            *_too_good(accounts, prediction, sessions=sessions, bars_per_year=bars_per_year),
            *_caveats(accounts, predictions, sessions=sessions),
            *_without_learning(predictions, validation, prediction),
            *(Caveat(code="unseeded", subject=model) for model in networks if model in unseeded),
        ),
    )
    return {
        "config": dict(config),
        "period": {
            "first": first,
            "last": last,
            "bars": len(time) - 1,
            "years": (len(time) - 1) / bars_per_year,
            "bars_per_year": bars_per_year,
            "units_per_year": per_year,
        },
        "performance": _by_model(
            {
                (name := (ledger.model, ledger.member)): {
                    **performance(ledger, bars_per_year=bars_per_year),
                    **(spells or {}).get(name, {}),
                }
                for ledger in ledgers
            }
        ),
        "growth": {
            model: sampled_growth(bar_returns(members[ENSEMBLE]))
            for model, members in accounts.items()
            if is_network(model) or model == BUY_AND_HOLD
        },
        "prediction": prediction,
        "evidence": {**robustness, **tests},
        "verdict": verdict.to_json(),
    }


def compare(
    ledgers: Sequence[Ledger],
    predictions: "pd.DataFrame | None",
    *,
    sessions: Sessions | None,
    decision_sessions: Mapping[str, Sessions] | None = None,
    unseeded: Collection[str] = (),
    scores: SkillScores | None = None,
) -> list[Comparison]:
    """Skill, then money: every comparison of one experiment. Parameters as `summarise` takes them."""
    skill: list[Comparison] = []
    if scores is not None:
        skill = skill_comparisons(scores, sessions=len(scores.days))
    elif predictions is not None and (sessions is not None or decision_sessions is not None):
        if decision_sessions is None:
            decision_sessions = {ledgers[0].symbol: sessions[:-1]} if sessions is not None else {}
        days = len(np.unique(np.concatenate(list(decision_sessions.values()))))
        scores = skill_scores(predictions, sessions=decision_sessions)
        skill = skill_comparisons(scores, sessions=days, unseeded=unseeded)
    copies = scores.copies if scores is not None else frozenset()
    return [*skill, *money_comparisons(ledgers, sessions=sessions, skill=skill, unseeded=unseeded, copies=copies)]


def _caveats(
    accounts: Mapping[str, Mapping[str, Ledger]], predictions: "pd.DataFrame | None", *, sessions: Sessions | None
) -> list[Caveat]:
    """What limits the verdict, as codes with numbers."""
    caveats: list[Caveat] = []
    days = len(np.unique(sessions[:-1])) if sessions is not None else None
    if days is not None and days < SIGNIFICANCE.fewest:
        caveats.append(Caveat(code="few_sessions", value=days))
    elif days is not None and days < SIGNIFICANCE.coverage_days:
        caveats.append(Caveat(code="short_record", value=days))
    for model, members in accounts.items():
        returns = daily_sums(bar_returns(members[ENSEMBLE]), sessions=sessions)[0]
        enough = min(len(returns), days or len(returns)) >= SIGNIFICANCE.fewest
        if is_network(model) and enough and (skew := _skew(returns)) < _CRASH_SKEW:
            caveats.append(Caveat(code="crash_risk", value=skew, subject=model))
    if predictions is not None and len(predictions):
        at_once = float((predictions["entry_at"] <= predictions["decided_at"]).mean())
        if at_once:
            caveats.append(Caveat(code="filled_at_once", value=at_once))
    return caveats


def _without_learning(
    predictions: "pd.DataFrame | None", validation: "pd.DataFrame | None", prediction: Mapping[str, Any]
) -> list[Caveat]:
    """Networks whose log loss is above that of the validation rows' share of rises, known before the tests."""
    if predictions is None or validation is None or not len(validation):
        return []
    keys = ["symbol", "fold"]
    rates = validation.groupby(keys)["target"].mean().rename("rate")
    caveats = []
    for model, rows in predictions.groupby("model", sort=False):
        loss = prediction[str(model)][ENSEMBLE]["log_loss"]
        joined = rows.join(rates, on=keys)
        simple = prediction_quality(joined["target"].to_numpy(np.float64), joined["rate"].to_numpy())["log_loss"]
        if is_network(str(model)) and loss is not None and simple is not None and loss > simple:
            caveats.append(Caveat(code="nothing_learned", value=loss - simple, subject=str(model)))
    return caveats


def _too_good(
    accounts: Mapping[str, Mapping[str, Ledger]],
    prediction: Mapping[str, Any],
    *,
    sessions: Sessions | None,
    bars_per_year: float,
) -> list[Caveat]:
    """Networks with results that a leak explains better than skill: a Sharpe ratio above 4, an accuracy above 60 %.

    Both for one decision per session. With more of them the limit of the Sharpe ratio grows with the fourth root of
    their number, since it grows at most with the square root (Grinold 1989) and decisions of one day are alike.
    Fewer than 100 sessions (or decisions) say too little to be suspicious of.
    """
    if sessions is None or (days := len(np.unique(sessions[:-1]))) < SIGNIFICANCE.coverage_days:
        return []
    per_session = max(1.0, (len(sessions) - 1) / days)
    sharpe_limit = _TOO_GOOD_SHARPE * per_session**0.25
    margin = _TOO_ACCURATE if per_session < 1.5 else _TOO_ACCURATE_WITHIN_SESSIONS
    caveats = []
    for model in filter(is_network, accounts):
        sharpe = performance(accounts[model][ENSEMBLE], bars_per_year=bars_per_year)["sharpe"]
        if sharpe is not None and sharpe > sharpe_limit:
            caveats.append(Caveat(code="too_good", value=sharpe, subject=model))
        quality = prediction.get(model, {}).get(ENSEMBLE, {})
        rate, accuracy = quality.get("base_rate"), quality.get("accuracy")
        if rate is not None and accuracy is not None and accuracy > max(rate, 1.0 - rate) + margin:
            caveats.append(Caveat(code="too_accurate", value=accuracy, subject=model))
    return caveats


def _skew(values: "np.ndarray[Any, np.dtype[np.float64]]") -> float:
    centered = values - values.mean()
    spread = float(np.sqrt(np.mean(np.square(centered))))
    return float(np.mean((centered / spread) ** 3)) if spread > 0 else 0.0


def _units_per_year(comparisons: Sequence[Comparison], *, bars: int, bars_per_year: float) -> float:
    """Days (or bars, whichever was compared) a year."""
    counts = [comparison.observations for comparison in comparisons if comparison.question == "money"]
    return bars_per_year * counts[0] / bars if counts and bars else bars_per_year


def _qualities(predictions: "pd.DataFrame", *, ordinal: Collection[str]) -> dict[tuple[str, str], Metrics]:
    """Scores of each model's seeds, and of the mean over seeds at each decision."""
    no_probability = {"log_loss": None, "brier": None}
    means = ensembles(predictions)
    qualities = {}
    for model, rows in predictions.groupby("model", sort=False):
        mean = means[str(model)]
        qualities[str(model), ENSEMBLE] = prediction_quality(mean["target"].to_numpy(), mean["probability"].to_numpy())
        for seed, seed_rows in rows.groupby("seed"):
            quality = prediction_quality(seed_rows["target"].to_numpy(), seed_rows["probability"].to_numpy())
            qualities[str(model), str(seed)] = quality
    return {key: {**quality, **(no_probability if key[0] in ordinal else {})} for key, quality in qualities.items()}


def _by_model(metrics: Mapping[tuple[str, str], Metrics]) -> dict[str, Any]:
    """{model: {"ensemble": ..., "seeds": {"0": ...}, "spread": {metric: {mean, std, min, max}}}}."""
    result: dict[str, Any] = {}
    for (model, member), values in metrics.items():
        entry = result.setdefault(model, {ENSEMBLE: None, "seeds": {}})
        if member == ENSEMBLE:
            entry[ENSEMBLE] = values
        else:
            entry["seeds"][member] = values
    for entry in result.values():
        entry["spread"] = _spread(list(entry["seeds"].values()))
    return result


def _spread(seeds: Sequence[Metrics]) -> dict[str, Metrics]:
    """Over seeds; std with one degree of freedom taken off, None for a single seed; None where a seed has none."""
    spread: dict[str, Metrics] = {}
    for metric in seeds[0] if seeds else ():
        values = [value for seed in seeds if (value := seed[metric]) is not None]
        if len(values) < len(seeds):
            spread[metric] = dict.fromkeys(("mean", "std", "min", "max"))
            continue
        std = float(np.std(values, ddof=1)) if len(values) > 1 else None
        spread[metric] = {
            "mean": float(np.mean(values)), "std": std, "min": float(min(values)), "max": float(max(values)),
        }  # fmt: skip
    return spread
