"""Candidate statistics for skill and the test that they share; `score` and `nulls` of the study of choices.

A candidate turns a network's probabilities and what came into one score per decision, within each fold, so that the
levels of different folds do not matter. The base rate, a constant in each fold, scores 0 throughout.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr
from scipy.stats import rankdata

from pipelines.market.types import Floats

SEED_PARTS = ("plain", "debiased", "none")


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcomes:
    """What came: scaled_return in units of trailing volatility, target 0 or 1, fold; each of shape (decisions,).

    validation: the same for validation rows, for what is recalibrated there.
    """

    scaled_return: Floats
    target: Floats
    fold: NDArray[np.int64]
    validation: "Outcomes | None" = None


def _standardised(values: Floats) -> Floats:
    deviation = values.std()
    return (values - values.mean()) / deviation if deviation > 1e-12 else np.zeros(len(values))


def _ranks(values: Floats) -> Floats:
    return _standardised(rankdata(values))


def _normal_scores(values: Floats) -> Floats:
    return _standardised(ndtri(rankdata(values) / (len(values) + 1)))


def _logits(probability: Floats) -> Floats:
    bounded = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(bounded / (1 - bounded)))


def _winsorised(values: Floats) -> Floats:
    return _standardised(np.clip(values, -3.0, 3.0))


def _about_median(probability: Floats) -> Floats:
    return np.asarray(np.sign(probability - np.median(probability)))


Product = tuple[Callable[[Floats], Floats], Callable[[Floats], Floats], str]
PRODUCTS: dict[str, Product] = {
    "rank IC": (_ranks, _ranks, "scaled_return"),
    "normal-score IC": (_normal_scores, _normal_scores, "scaled_return"),
    "rank x winsorised return": (_ranks, _winsorised, "scaled_return"),
    "logit IC": (lambda p: _standardised(_logits(p)), _standardised, "scaled_return"),
    "logit IC, winsorised": (lambda p: _standardised(_logits(p)), _winsorised, "scaled_return"),
    "AUC": (_ranks, _standardised, "target"),
    "hit rate about median": (_about_median, _standardised, "target"),
}
CANDIDATES = (*PRODUCTS, "recalibrated log loss", "raw log loss")


def scores(name: str, probability: Floats, checked: Floats, outcomes: Outcomes) -> Floats:
    """One score per decision, shape (decisions,); checked: the probabilities of the validation rows."""
    result = np.zeros(len(probability))
    for number in np.unique(outcomes.fold):
        rows = outcomes.fold == number
        chance = probability[rows]
        if name in PRODUCTS:
            of_probability, of_outcome, column = PRODUCTS[name]
            result[rows] = of_probability(chance) * of_outcome(getattr(outcomes, column)[rows])
            continue
        assert outcomes.validation is not None
        earlier = outcomes.validation.fold == number
        targets, rate = outcomes.validation.target[earlier], outcomes.validation.target[earlier].mean()
        if name == "recalibrated log loss":
            chance = _recalibrated(_logits(chance), _logits(checked[earlier]), targets)
        result[rows] = _gain(chance, outcomes.target[rows], rate)
    return result


def _gain(chance: Floats, target: Floats, rate: float) -> Floats:
    right, constant = np.where(target > 0.5, chance, 1 - chance), np.where(target > 0.5, rate, 1 - rate)
    return np.asarray(np.log(np.clip(right, 1e-9, 1)) - np.log(constant))


def _recalibrated(logits: Floats, known_logits: Floats, targets: Floats) -> Floats:
    """Platt's a + b x logit, fitted on validation rows by Newton's method, b at least 0."""
    design = np.stack([np.ones(len(targets)), known_logits], axis=1)
    weights = np.zeros(2)
    for _ in range(20):
        chance = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        hessian = (design * (chance * (1 - chance))[:, None]).T @ design + 1e-6 * np.eye(2)
        weights = weights + np.linalg.solve(hessian, design.T @ (targets - chance))
    if weights[1] < 0:
        return np.full(len(logits), targets.mean())
    return np.asarray(1 / (1 + np.exp(-np.clip(weights[0] + weights[1] * logits, -30, 30))))


@dataclass(frozen=True, kw_only=True)
class Test:
    """difference: mean score of A less that of B. p: two-sided."""

    difference: float
    error: float
    degrees: float
    p: float


def long_run_variance_of_mean(series: Floats) -> float:
    """Newey and West (1987), Bartlett's weights, lag 4 (n / 100)^(2/9)."""
    length = len(series)
    centered = series - series.mean()
    lags = int(4 * (length / 100) ** (2 / 9))
    total = centered @ centered
    for lag in range(1, lags + 1):
        total += 2 * (1 - lag / (lags + 1)) * (centered[lag:] @ centered[:-lag])
    return max(float(total), 0.0) / length**2


def paired(
    ensembles: tuple[Floats, Floats | None], members: tuple[Floats, Floats | None], *, seed_part: str = "plain"
) -> Test:
    """A against B (None: the base rate). ensembles: scores, shape (decisions,); members: (seeds, decisions) each."""
    difference = ensembles[0] - (ensembles[1] if ensembles[1] is not None else 0.0)
    days = long_run_variance_of_mean(difference)
    parts = [(days, float(len(difference) - 1))]
    for member in members:
        if member is None or len(member) < 2 or seed_part == "none":
            continue
        count, length = member.shape
        between = float(member.mean(axis=1).var(ddof=1))
        if seed_part == "debiased":
            own = member - member.mean(axis=0)
            between = max(0.0, between - float(own.var(axis=1).sum()) / (count - 1) / length)
        parts.append((between / count, float(count - 1)))
    variance = sum(part for part, _ in parts)
    mean = float(difference.mean())
    if variance <= 0:
        return Test(difference=mean, error=0.0, degrees=np.inf, p=1.0)
    degrees = variance**2 / sum(part**2 / free for part, free in parts)
    p = 2 * float(stdtr(degrees, -abs(mean) / np.sqrt(variance)))
    return Test(difference=mean, error=float(np.sqrt(variance)), degrees=float(degrees), p=p)


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """Scores of one market: by model, the ensemble's (decisions,) and the members' (seeds, decisions)."""

    ensembles: Mapping[str, Floats]
    members: Mapping[str, Floats]

    def test(self, a: str, b: str | None, *, seed_part: str = "plain") -> Test:
        """A against B, or against the base rate."""
        return paired(
            (self.ensembles[a], self.ensembles[b] if b else None),
            (self.members[a], self.members[b] if b else None),
            seed_part=seed_part,
        )


def gate(content: Mapping[str, Any], model: str) -> Mapping[str, Any]:
    """The same probabilities, but the base rate in each fold and seed whose validation loss never beat it."""
    if f"{model}/loss" not in content:
        return content
    test, checked = content[f"{model}/test"].copy(), content[f"{model}/validation"].copy()
    for seed, losses in enumerate(content[f"{model}/loss"]):
        for number in np.flatnonzero(losses >= content["base_loss"]):
            test[seed, content["fold"] == number] = 0.5
            checked[seed, content["validation_fold"] == number] = 0.5
    return {**content, f"{model}/test": test, f"{model}/validation": checked}


def outcomes_of(content: Mapping[str, Any]) -> Outcomes:
    """What came on the market, out of a file of `predict`."""
    return Outcomes(
        scaled_return=content["forward_return"] / content["volatility"],
        target=content["target"],
        fold=content["fold"],
        validation=Outcomes(
            scaled_return=content["validation_return"],
            target=content["validation_target"],
            fold=content["validation_fold"],
        ),
    )


def prepare_scores(content: Mapping[str, Any], name: str, *, outcomes: Outcomes | None = None) -> Prepared:
    """Scores of all models."""
    outcomes = outcomes or outcomes_of(content)
    ensembles, members = {}, {}
    for model in models_of(content):
        test, checked = content[f"{model}/test"], content[f"{model}/validation"]
        members[model] = np.stack(
            [scores(name, one, other, outcomes) for one, other in zip(test, checked, strict=True)]
        )
        ensembles[model] = scores(name, test.mean(axis=0), checked.mean(axis=0), outcomes)
    return Prepared(ensembles=ensembles, members=members)


def models_of(content: Mapping[str, Any]) -> list[str]:
    """The networks and baselines of a file."""
    return [name.split("/")[0] for name in content if name.endswith("/test")]


def read(folder: Path, *, gated: bool = False, most: int = 10_000) -> Iterator[dict[str, Any]]:
    """Each market's arrays in order of its seed."""
    for path in sorted(folder.glob("*.npz"))[:most]:
        with np.load(path) as file:
            content: Mapping[str, Any] = dict(file)
        for model in models_of(content) if gated else ():
            content = gate(content, model)
        yield dict(content)


def pairs_of(models: list[str]) -> list[tuple[str, str | None]]:
    """Each against the base rate, and the LSTM against the SimpleRNN."""
    return [(model, None) for model in models] + (
        [("lstm", "simple_rnn")] if {"lstm", "simple_rnn"} <= {*models} else []
    )


def score(arguments: argparse.Namespace) -> None:
    """Prints the share of markets in which each candidate rejects, and the mean difference with its standard error."""
    for folder in arguments.folders:
        markets = list(read(folder, gated=arguments.gated, most=arguments.most))
        if not markets:
            raise SystemExit(f"Expected .npz files of `predict` in {folder}, got none.")
        for name in arguments.statistic or CANDIDATES:
            prepared = [prepare_scores(content, name) for content in markets]
            for a, b in pairs_of(models_of(markets[0])):
                tests = [evaluator.test(a, b, seed_part=arguments.seed_part) for evaluator in prepared]
                p, difference = np.array([t.p for t in tests]), np.array([t.difference for t in tests])
                z = difference / np.array([max(t.error, 1e-12) for t in tests])
                above, below = difference > 0, difference < 0
                rates = " ".join(
                    f"{level}: +{np.mean((p < level) & above):.3f} -{np.mean((p < level) & below):.3f}"
                    for level in (0.05, 0.025, 0.0167)
                )
                error = difference.std(ddof=1) / np.sqrt(len(p))
                print(
                    f"{folder.parent.name}/{folder.name} {name:<26} {a} - {b or 'base rate'}: n={len(p)} {rates}"
                    f" | mean {difference.mean():+.4f} ({error:.4f}) z {z.mean():+.2f} sd {z.std(ddof=1):.2f}"
                )


def nulls(arguments: argparse.Namespace) -> None:
    """The size with trained probabilities and returns that owe them nothing: their signs are drawn anew."""
    rng = np.random.default_rng(700_999)
    for folder in arguments.folders:
        markets = list(read(folder, gated=arguments.gated, most=arguments.most))
        if not markets:
            raise SystemExit(f"Expected .npz files of `predict` in {folder}, got none.")
        for name in arguments.statistic or CANDIDATES:
            rejected: dict[tuple[str, str | None], list[int]] = {}
            for content in markets:
                outcomes = outcomes_of(content)
                for _ in range(arguments.draws):
                    sign = np.where(rng.random(len(outcomes.target)) < 0.5, -1.0, 1.0)
                    drawn = Outcomes(
                        scaled_return=outcomes.scaled_return * sign,
                        target=np.where(sign > 0, outcomes.target, 1 - outcomes.target),
                        fold=outcomes.fold,
                        validation=outcomes.validation,
                    )
                    prepared = prepare_scores(content, name, outcomes=drawn)
                    for pair in pairs_of(models_of(content)):
                        test = prepared.test(*pair, seed_part=arguments.seed_part)
                        rejected.setdefault(pair, []).append(int(np.sign(test.difference)) * (test.p < 0.05))
            for (a, b), signs in rejected.items():
                above, below = np.mean(np.array(signs) > 0), np.mean(np.array(signs) < 0)
                print(f"{folder.parent.name}/{folder.name} null {name:<26} {a} - {b or 'base rate'}: n={len(signs)} "
                      f"+{above:.3f} -{below:.3f}", flush=True)  # fmt: skip


def add_commands(commands: Any) -> None:
    """`score` and `nulls`."""
    for name, call in {"score": score, "nulls": nulls}.items():
        parser = commands.add_parser(name, help=call.__doc__)
        parser.add_argument("folders", nargs="+", type=Path)
        parser.add_argument("--statistic", nargs="*", choices=CANDIDATES)
        parser.add_argument("--seed-part", choices=SEED_PARTS, default="plain")
        parser.add_argument("--gated", action="store_true", help="base rate where validation did not beat it")
        parser.add_argument("--most", type=int, default=10_000)
        parser.add_argument("--draws", type=int, default=20)
        parser.set_defaults(call=call)
