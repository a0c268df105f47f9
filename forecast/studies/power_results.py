"""What a calibration found: how often each answer came, the smallest edge that was seen, and where that is kept.

A calibration is kept in `<data>/calibrations/<name>/`: one file a market, and `summary.json` for whoever asks later
what such an experiment can see. Reading it needs no network library.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.experiment import Experiment, is_baseline
from forecast.config.significance import SIGNIFICANCE
from forecast.runs.io import read_json, write_json
from forecast.statistics.comparisons import BASE_RATE, CASH
from forecast.statistics.inference import LargerExperiments
from pipelines.errors import ConfigError, RunError

KINDS = {
    "none": "no edge",
    "shuffled": "no edge, labels shuffled",
    "memory": "long memory",
    "switching": "momentum and reversal by turns",
}

_FILE = "summary.json"
_OF_THE_PRICES = ("symbol", "interval", "bars", "start", "end")  # what an experiment may have otherwise on made-up ones
_EFFECTS = {  # column -> how one number comes from those of the markets
    "difference": "mean", "minimum_detectable_effect": "median", "costs": "mean", "observations": "median",
    "unit": "first", "larger_days": "median", "larger_symbols": "median", "larger_seeds": "median",
}  # fmt: skip
_KEYS = ["question", "kind", "edge", "model", "benchmark"]


@dataclass(frozen=True, kw_only=True)
class PowerStudy:
    """A finished calibration. about: experiment, rules, backend, versions, market_bars, command, created_at.

    shares: as `rates` gives them.
    """

    folder: Path
    about: Mapping[str, Any]
    shares: pd.DataFrame

    @property
    def name(self) -> str:
        return self.folder.name


def rates(results: pd.DataFrame) -> pd.DataFrame:
    """How often each answer came, as numbers of markets, by question, kind, edge, model and benchmark.

    low, high: the 95 % Wilson interval of the share of "better". claims, claims_high: the share of "better" and "worse"
    together, and the upper end of its interval. difference, costs: means over the markets. minimum_detectable_effect,
    observations: medians. These and the unit are missing where the results do not hold them.
    """
    rows = []
    results = results.reindex(columns=[*results.columns, *(effect for effect in _EFFECTS if effect not in results)])
    for key, group in results.groupby(_KEYS, sort=True):
        count = len(group)
        better, worse = (int((group["answer"] == answer).sum()) for answer in ("better", "worse"))
        low, high = wilson(better, count)
        claims = better + worse
        effects = [_summary(group[name], how) for name, how in _EFFECTS.items()]
        shares = [low, high, claims / count, wilson(claims, count)[1]]
        rows.append([*key, count, better, worse, count - claims, *shares, *effects])
    columns = [*_KEYS, "markets", "better", "worse", "inconclusive", "low", "high", "claims", "claims_high", *_EFFECTS]
    return pd.DataFrame(rows, columns=columns)


def _summary(values: "pd.Series[Any]", how: str) -> Any:
    defined = values.dropna()
    return None if defined.empty else defined.iloc[0] if how == "first" else float(getattr(defined, how)())


def records(shares: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of `rates`, ready for JSON: None where a number is missing."""
    return [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in shares.to_dict("records")
    ]


@dataclass(frozen=True, kw_only=True)
class SmallestEffect:
    """The smallest true difference that an experiment finds with 80 % power, the median over its markets.

    effect: in the unit (a rank IC, or a fraction of equity per day). costs: what trading took of the difference per
    unit, 0 or below, None for skill. larger: what larger experiments would find, None where the study is of an earlier
    version.
    """

    question: str
    model: str
    benchmark: str
    effect: float
    unit: str
    observations: int
    costs: float | None
    larger: LargerExperiments | None = None


def smallest_effects(shares: pd.DataFrame) -> list[SmallestEffect]:
    """Skill against the base rate and money against cash, of the network that needs least; on markets without an edge.

    On those with the smallest edge where there are no others; empty where nothing could be tested.
    """
    if "minimum_detectable_effect" not in shares:
        return []
    measured = shares[shares["minimum_detectable_effect"].notna() & ~shares["model"].map(is_baseline).astype(bool)]
    effects = []
    for question, benchmark in (("skill", BASE_RATE), ("money", CASH)):
        rows = measured[(measured["question"] == question) & (measured["benchmark"] == benchmark)]
        if not rows.empty:
            row = rows[rows["edge"] == rows["edge"].min()].sort_values("minimum_detectable_effect").iloc[0]
            effects.append(
                SmallestEffect(
                    question=question, model=str(row["model"]), benchmark=benchmark,
                    effect=float(row["minimum_detectable_effect"]), unit=str(row["unit"]),
                    observations=int(row["observations"]), costs=None if pd.isna(row["costs"]) else float(row["costs"]),
                    larger=_larger(row),
                )
            )  # fmt: skip
    return effects


def _larger(row: "pd.Series[Any]") -> LargerExperiments | None:
    days, symbols, seeds = (row.get(f"larger_{name}") for name in ("days", "symbols", "seeds"))
    if pd.isna(days) or pd.isna(symbols):
        return None
    return LargerExperiments(days=float(days), symbols=float(symbols), seeds=None if pd.isna(seeds) else float(seeds))


def smallest_edge(shares: pd.DataFrame, *, power: float = 0.8) -> float | None:
    """The edge at which "better" is first said in `power` of the markets, between the edges tried; None: not reached.

    shares: rows of `rates` of one question, kind, model and benchmark.
    """
    curve = shares.sort_values("edge")
    edge = curve["edge"].to_numpy()
    share = np.maximum.accumulate((curve["better"] / curve["markets"]).to_numpy())
    reached = np.flatnonzero(share >= power)
    if not len(reached):
        return None
    at = int(reached[0])
    if at == 0:
        return float(edge[0])
    return float(np.interp(power, share[at - 1 : at + 1], edge[at - 1 : at + 1]))


def wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    critical_value = SIGNIFICANCE.critical_value
    share, weight = hits / count, critical_value * critical_value / count
    centre = (share + weight / 2) / (1 + weight)
    reach = critical_value * np.sqrt(share * (1 - share) / count + weight / (4 * count)) / (1 + weight)
    return float(max(0.0, centre - reach)), float(min(1.0, centre + reach))


def smallest_edges(shares: pd.DataFrame) -> list[dict[str, Any]]:
    """The smallest edge found with 80 % power, for each question, kind of planted market, network and benchmark."""
    planted = shares[shares["edge"] > 0]
    keys = ["question", "kind", "model", "benchmark"]
    return [{**dict(zip(keys, key, strict=True)), "edge": smallest_edge(group)} for key, group in planted.groupby(keys)]


def detectable_edge(shares: pd.DataFrame, kind: str) -> float | None:
    """From which edge on every network's skill is told from the base rate's with 80 % power; None: at none tried."""
    skill = shares[(shares["kind"] == kind) & (shares["question"] == "skill") & (shares["benchmark"] == BASE_RATE)]
    edges = [effect["edge"] for effect in smallest_edges(skill[~skill["model"].map(is_baseline).astype(bool)])]
    return max(edges) if edges and None not in edges else None


def kind_name(kind: str) -> str:
    """How a sentence calls a simulated market.

    >>> kind_name("lag-10")
    'an edge at a lag of 10 bars'
    """
    lag = kind.removeprefix("lag-")
    return KINDS.get(kind, f"an edge at a lag of {lag} bar{'' if lag == '1' else 's'}")


def save(study: PowerStudy) -> Path:
    """Writes summary.json into its folder."""
    return write_json(study.folder / _FILE, {**study.about, "rates": records(study.shares)})


def read(folder: Path) -> PowerStudy:
    """Raises RunError where it is missing or damaged."""
    content = read_json(folder / _FILE)
    try:
        shares = pd.DataFrame(content.pop("rates"))
        shares = shares.astype({"edge": float, "low": float, "high": float, "claims": float})
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{folder / _FILE} is damaged ({error}). Run 'forecast power' again.") from error
    return PowerStudy(folder=folder, about=content, shares=shares)


def listed(folder: Path) -> list[PowerStudy]:
    """Every calibration below the folder, the newest first; a damaged one is passed over."""
    studies = []
    for path in folder.glob(f"*/{_FILE}"):
        try:
            studies.append(read(path.parent))
        except RunError:
            continue
    return sorted(studies, key=lambda study: str(study.about.get("created_at")), reverse=True)


def same_experiment(study: PowerStudy, config: Mapping[str, Any], policy: Mapping[str, Any]) -> bool:
    """Whether a run's experiment (config) and backtest (policy), as they are saved, are what was calibrated."""
    try:
        requested, had = (
            Experiment.from_options(dict(options)).to_json() for options in (config, study.about["experiment"])
        )
    except (ConfigError, KeyError, TypeError, ValueError):
        return False
    for name in _OF_THE_PRICES:
        requested.pop(name), had.pop(name)
    rules = study.about.get("rules")
    return requested == had and isinstance(rules, Mapping) and all(policy.get(name) == rules[name] for name in rules)
