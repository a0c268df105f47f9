"""All the numbers of one backtest, ready for metrics.json."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from forecast.statistics.forecast_accuracy import ensembles, prediction_quality
from forecast.statistics.paired_test import FEWEST, PairedTest, Sessions, answer, daily_sums, paired_difference
from forecast.statistics.performance import Metrics, held_returns, performance
from forecast.statistics.power import sight
from forecast.statistics.robustness import evidence, forecast_tests, waiting
from forecast.statistics.seed_variation import seeds_and_days
from forecast.statistics.verdict import (
    LEVEL,
    OTHER_SEEDS,
    PAIR,
    RIVALS,
    SAME_PARAMETERS,
    is_network,
    name,
    rival_level,
    verdict,
)
from forecast.trading.simulator import Ledger

if TYPE_CHECKING:
    import pandas as pd

ENSEMBLE = "ensemble"

_DRAWS = 10_000


def summarise(
    ledgers: Sequence[Ledger],
    predictions: "pd.DataFrame | None",
    *,
    bars_per_year: float,
    sessions: Sessions | None,
    config: Mapping[str, Any],
    seed: int = 0,
    trials: int | None = None,
) -> dict[str, Any]:
    """Period, performance, prediction quality, comparisons and the verdict, in natural units (0.05 is 5 %).

    ledgers: one symbol, the same bars; every model has an "ensemble" member, networks one member a seed besides.
    predictions: a run's predictions.parquet, None where several runs were joined. sessions: the session date of each
    ledger row, datetime64[D], shape (bars,), or None where bars are not to be summed to days. config: policy, band,
    fee_bps and slippage_bps, kept beside the numbers that follow from them. seed: of the bootstrap; the same seed
    gives the same digits. trials: configurations tried, this one included, each of which tried every network; only
    this one when not given.

    Raises:
        ValueError: no ledgers, or ledgers of several symbols or of different bars.
    """
    if not ledgers or len({each.symbol for each in ledgers}) != 1:
        raise ValueError(f"Need ledgers of one symbol. Received: {sorted({each.symbol for each in ledgers})}.")
    time = ledgers[0].time
    if any(not np.array_equal(each.time, time) for each in ledgers):
        raise ValueError("All ledgers must have the same times.")
    first, last = (f"{np.datetime_as_string(at, unit='s')}Z" for at in (time[0], time[-1]))
    made = comparisons(ledgers, sessions=sessions, seed=seed)
    accounts: dict[str, dict[str, Ledger]] = {}
    for each in ledgers:
        accounts.setdefault(each.model, {})[each.member] = each
    networks = [model for model in accounts if is_network(model)]
    idle = [model for model in networks if _is_idle(accounts[model][ENSEMBLE])]
    per_year = _units_per_year(made, bars=len(time) - 1, bars_per_year=bars_per_year)
    more = evidence(
        accounts, sessions=sessions, per_year=per_year, trials=(trials or 1) * max(1, len(networks)),
        rng=np.random.default_rng([seed, 1]),
    )  # fmt: skip
    tests = {} if predictions is None else forecast_tests(predictions)
    days = few_sessions(sessions)
    seen = [] if days else _seen(made, accounts, sessions=sessions, per_year=per_year, idle=idle)
    wait = waiting(made[0], per_year=per_year) if made and (made[0].model, made[0].rival) == PAIR else None
    return {
        "config": dict(config),
        "period": {
            "first": first,
            "last": last,
            "bars": len(time) - 1,
            "years": (len(time) - 1) / bars_per_year,
            "bars_per_year": bars_per_year,
        },
        "performance": _by_model(
            {(each.model, each.member): performance(each, bars_per_year=bars_per_year) for each in ledgers}
        ),
        "prediction": {} if predictions is None else _by_model(_qualities(predictions)),
        "comparisons": [asdict(each) for each in made],
        "evidence": {**more, **tests, "waiting": wait, "seen": seen},
        "verdict": verdict(
            made, symbol=ledgers[0].symbol, first=first, last=last, wait=wait, idle=idle, days=days,
            at_once=0.0 if predictions is None else _filled_at_once(predictions),
        ),
    }  # fmt: skip


def _seen(
    made: Sequence[PairedTest],
    accounts: Mapping[str, Mapping[str, Ledger]],
    *,
    sessions: Sessions | None,
    per_year: float,
    idle: Sequence[str],
) -> list[dict[str, Any]]:
    """What each comparison could have told, whatever it did tell; none for a network that never held anything."""
    found = []
    for each in made:
        a, b = (held_returns(accounts[model][ENSEMBLE]) for model in (each.model, each.rival))
        told = sight(each, daily_sums(a - b, sessions=sessions)[0], per_year=per_year)
        if told is not None and not {each.model, each.rival} & set(idle):
            found.append(asdict(told))
    return found


def _filled_at_once(predictions: "pd.DataFrame") -> float:
    """The share of decisions whose fill has the very time stamp of the decision, as bars of trades may have."""
    return float((predictions["entry_at"] <= predictions["decided_at"]).mean()) if len(predictions) else 0.0


def _units_per_year(made: Sequence[PairedTest], *, bars: int, bars_per_year: float) -> float:
    """Days (or bars, whichever was compared) a year."""
    return bars_per_year * made[0].observations / bars if made and bars else bars_per_year


def comparisons(ledgers: Sequence[Ledger], *, sessions: Sessions | None, seed: int) -> list[PairedTest]:
    """LSTM - SimpleRNN at 95 %, then the same at equal parameters and each network against its rivals at the level that
    Bonferroni asks for (see verdict)."""
    ensembles = {each.model: each for each in ledgers if each.member == ENSEMBLE}
    pairs, same = ([pair] if all(model in ensembles for model in pair) else [] for pair in (PAIR, SAME_PARAMETERS))
    networks = [model for model in ensembles if is_network(model)]
    simple = [model for model in ensembles if not is_network(model)]
    best = sorted(set(simple) - set(RIVALS), key=lambda model: float(held_returns(ensembles[model]).sum()))[-1:]
    rivals = [(model, rival) for rival in [*RIVALS, *best] if rival in ensembles for model in networks]
    others = [*same, *rivals]
    wider = rival_level(len(same) + len(networks) * len(simple))
    levels = [LEVEL] * len(pairs) + [wider] * len(others)
    streams = np.random.default_rng(seed).spawn(len(levels))
    made = [
        paired_difference(ensembles[model], ensembles[rival], sessions=sessions, rng=stream, level=level)
        for (model, rival), level, stream in zip(pairs + others, levels, streams, strict=True)
    ]
    stream = np.random.default_rng([seed, 2])
    for place in range(len(pairs + same)):
        made[place] = _over_seeds(made[place], ledgers, sessions=sessions, rng=stream)
    idle = [model for model in networks if _is_idle(ensembles[model])]
    days = few_sessions(sessions)
    return [_without_days(_without_skill(each, idle=idle), days=days) for each in made]


def _over_seeds(
    made: PairedTest, ledgers: Sequence[Ledger], *, sessions: Sessions | None, rng: np.random.Generator
) -> PairedTest:
    """Two networks are told apart only where other random starts would have told them apart, too.

    With a single seed nothing is known about that, and the comparison stays as it is.
    """
    if made.answer == "cannot tell" or made.block is None:
        return made
    a, b = (
        [
            daily_sums(held_returns(each), sessions=sessions)[0]
            for each in ledgers
            if each.model == model and each.member != ENSEMBLE
        ]
        for model in (made.model, made.rival)
    )
    if not (a and b):
        return made
    found = seeds_and_days(
        np.stack(a, axis=1), np.stack(b, axis=1), block=made.block, level=made.level, draws=_DRAWS, rng=rng
    )
    if found is None or answer(*found[1:]) == made.answer:
        return made
    return replace(made, answer="cannot tell", reason=OTHER_SEEDS)


def few_sessions(sessions: Sessions | None) -> int | None:
    """The number of sessions where there are too few of them to speak for other days, None otherwise."""
    count = len(np.unique(sessions[:-1])) if sessions is not None else 0
    return count if 0 < count < FEWEST else None


def _without_days(made: PairedTest, *, days: int | None) -> PairedTest:
    """What holds within a day or two is not told as what holds."""
    if days is None or made.low is None or made.answer == "cannot tell":
        return made
    return replace(made, answer="cannot tell", reason=f"{days} session{'s' * (days > 1)} cannot speak for other days")


def _is_idle(account: Ledger) -> bool:
    return not np.any(account.position)


def _without_skill(made: PairedTest, *, idle: Sequence[str]) -> PairedTest:
    """What a network saved by never holding anything is not told as its being better or worse."""
    who = [model for model in (made.model, made.rival) if model in idle]
    if not who or made.low is None:
        return made
    return replace(made, answer="cannot tell", reason=f"{' and '.join(map(name, who))} never held anything")


def _qualities(predictions: "pd.DataFrame") -> dict[tuple[str, str], Metrics]:
    """Scores of each model's seeds, and of the mean over seeds at each decision."""
    means = ensembles(predictions)
    found = {}
    for model, rows in predictions.groupby("model", sort=False):
        mean = means[str(model)]
        found[str(model), ENSEMBLE] = prediction_quality(mean["target"].to_numpy(), mean["probability"].to_numpy())
        for seed, each in rows.groupby("seed"):
            quality = prediction_quality(each["target"].to_numpy(), each["probability"].to_numpy())
            found[str(model), str(seed)] = quality
    return found


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
        values = [value for each in seeds if (value := each[metric]) is not None]
        if len(values) < len(seeds):
            spread[metric] = dict.fromkeys(("mean", "std", "min", "max"))
            continue
        std = float(np.std(values, ddof=1)) if len(values) > 1 else None
        spread[metric] = {
            "mean": float(np.mean(values)), "std": std, "min": float(min(values)), "max": float(max(values)),
        }  # fmt: skip
    return spread
