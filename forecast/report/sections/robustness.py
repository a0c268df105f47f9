"""What else speaks for or against the networks: questions with their answers, and the reliability chart."""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.significance import SIGNIFICANCE
from forecast.report import formatting
from forecast.report.charts.equity import Figure, colour, dash, rounded
from forecast.report.context import ENSEMBLE, PageContext
from forecast.report.sections import overfitting
from forecast.report.sections.verdict import capital, joined
from forecast.statistics.forecast_accuracy import correlation, ensembles
from forecast.statistics.forecast_accuracy import reliability as groups_of
from forecast.statistics.verdict import Verdict

_GROUPS = 10
_ALPHA = 1.0 - SIGNIFICANCE.level

Evidence = Mapping[str, Any]


def vetoes(context: PageContext) -> list[dict[str, str]]:
    """What can take the verdict away, and whether it did: questions and answers."""
    verdict = Verdict.from_json(context.metrics["verdict"])
    reasons = {comparison.reason for comparison in verdict.comparisons}
    seeds = min((comparison.seeds for comparison in verdict.comparisons if comparison.seeds), default=0)
    rows = [("Look-ahead audit", _audit(context.metrics))]
    if seeds:
        enough = "nothing is claimed from one" if seeds < 2 else "enough: from one nothing would be claimed"
        if "identical_seeds" in reasons:
            enough = "the others forecast the same as another; nothing is claimed from one"
        rows.append(("Seeds of each network", f"{seeds}, {enough}."))
    if first := verdict.skill:
        fewest = SIGNIFICANCE.fewest
        enough = f"below {fewest}, so nothing is claimed" if first.observations < fewest else f"{fewest} are enough"
        sufficiency = "too few sessions, so nothing is claimed" if "too_few_sessions" in reasons else enough
        rows.append(("Days with decisions", f"{formatting.count(first.observations)}, {sufficiency}."))
    performance, idle = context.metrics["performance"], (context.metrics.get("trading") or {}).get("never_traded") or ()
    silent = [formatting.label(model) for model in context.networks if model in idle or _never(performance, model)]
    noun = "models" if "judged" in context.about else "networks"
    whose = "its" if len(silent) == 1 else "their"
    exposure = f"Not {joined(silent)}: nothing is claimed of {whose} money." if silent else f"All {noun} did."
    rows.append(("Held a position", exposure))
    return [{"question": question, "answer": answer} for question, answer in rows]


def _never(performance: Mapping[str, Any], model: str) -> bool:
    """Whether a model's account never traded."""
    return bool(((performance.get(model) or {}).get(ENSEMBLE) or {}).get("trades") == 0)


def answers(context: PageContext) -> list[dict[str, str]]:
    """What cannot change the verdict, and is there to doubt it with; those that this run has numbers for."""
    evidence = context.metrics.get("evidence") or {}
    rows = [{"question": question, "answer": answer(evidence)} for question, answer in _QUESTIONS if answer(evidence)]
    if trials := context.metrics.get("trials"):
        rows.append({"question": "Trial log", "answer": trial_log(trials)})
    rows.append({"question": "Files of the run", "answer": _integrity(context)})
    if echo := _echo(context):
        rows.append({"question": "Correlation with the last return", "answer": echo})
    return rows


def reliability(context: PageContext) -> Figure:
    """Realised share of rises by predicted probability, in tenths of the decisions; the diagonal is perfect."""
    traces: list[dict[str, Any]] = []
    clauses = []
    means = ensembles(context.predictions)
    bounds: list[float] = [0.5]
    predicted: list[float] = []
    lines = [(model, formatting.label(model), means[model]) for model in context.networks if model in means]
    lines += [(model, f"{formatting.label(model)}, calibrated", rows) for model, rows in _recalibrated(context, means)]
    for model, title, rows in lines:
        after = title.endswith("calibrated")
        groups = groups_of(rows["target"].to_numpy(), rows["probability"].to_numpy(), groups=_GROUPS)
        predicted += [*groups.predicted]
        bounds += [*groups.low, *groups.high]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": escape(title),
                "x": rounded(groups.predicted),
                "y": rounded(groups.observed),
                "customdata": groups.count.tolist(),
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": rounded(groups.high - groups.observed),
                    "arrayminus": rounded(groups.observed - groups.low),
                    "thickness": 1,
                    "width": 3,
                    "color": colour(model, alpha=0.6),
                },
                "line": {"color": colour(model), "width": 1, "dash": dash(model)},
                "marker": {"color": colour(model), "size": 8, "symbol": "circle-open" if after else "circle"},
                "hovertemplate": "predicted %{x:.1%}, realised %{y:.1%}<br>%{customdata} decisions<extra></extra>",
            }
        )
        clauses.append(
            f"{title} said {formatting.percent(groups.predicted[0])} to {formatting.percent(groups.predicted[-1])}"
        )
    ends = [max(0.0, min(bounds) - 0.02), min(1.0, max(bounds) + 0.02)]
    sides = [min(predicted, default=0.5) - 0.01, max(predicted, default=0.5) + 0.01]
    line = {"color": "var(--muted)", "width": 1, "dash": "4px,3px"}
    layout = {
        "xaxis": {"title": {"text": "predicted probability of a rise"}, "tickformat": ".0~%", "range": sides},
        "yaxis": {"title": {"text": "share that rose"}, "tickformat": ".0%", "range": ends},
        "shapes": [{"type": "line", "x0": 0, "y0": 0, "x1": 1, "y1": 1, "line": line}],
        "hovermode": "closest",
    }
    return {
        "data": traces,
        "layout": layout,
        "alt": f"Predicted probabilities against realised shares. {'; '.join(clauses)}.",
    }


def _recalibrated(context: PageContext, means: Mapping[str, pd.DataFrame]) -> list[tuple[str, pd.DataFrame]]:
    """The same decisions with the probabilities that were traded, where they were calibrated before."""
    if context.policy.get("calibration", "none") == "none":
        return []
    ensemble = context.signals[context.signals["member"] == ENSEMBLE]
    traded = {str(model): rows["probability"].to_numpy() for model, rows in ensemble.groupby("model", sort=False)}
    return [(model, means[model].assign(probability=traded[model])) for model in context.networks if model in traded]


def _probabilities(evidence: Evidence) -> str:
    test = evidence.get("diebold_mariano")
    if not test or test["p_value"] is None:
        return f"Unknown: {test['reason']}." if test else ""
    better, worse = (test["model"], test["rival"]) if test["mean_difference"] < 0 else (test["rival"], test["model"])
    if test["p_value"] >= _ALPHA:
        return f"No significant difference, {_p(test['p_value'])} (Diebold-Mariano)."
    return (
        f"The {formatting.label(better)}'s is lower than the {formatting.label(worse)}'s, {_p(test['p_value'])} "
        "(Diebold-Mariano). A better log loss need not earn more."
    )


def _directions(evidence: Evidence) -> str:
    clauses = []
    for model, test in _ordered(evidence.get("direction")):
        if test["p_value"] is None:
            clauses.append(f"{formatting.label(model)}: unknown, {test['reason']}")
        else:
            adjusted = test.get("p_adjusted", test["p_value"])
            outcome = "better than chance" if adjusted < _ALPHA else "no significant difference from chance"
            clauses.append(f"{formatting.label(model)}: {outcome}, {_p(adjusted)}")
    tested = sum(test["p_value"] is not None for test in (evidence.get("direction") or {}).values())
    corrected = ", Holm over the networks" * (tested > 1)
    return f"{'; '.join(clauses)} (Pesaran-Timmermann{corrected})." if clauses else ""


def _superior(evidence: Evidence) -> str:
    test = evidence.get("superior")
    if not test:
        return ""
    significance = "Significant" if test["p_value"] < _ALPHA else "Not significant"
    several = max(len(evidence.get(name) or ()) for name in ("sharpe", "break_even")) > 1
    choice = ", allowing for the choice of the better network afterwards" if several else ""
    return f"{significance}, {_p(test['p_value'])}{choice} (Hansen's SPA test)."


def _best(evidence: Evidence) -> str:
    values = evidence.get("confidence_set") or {}
    inside = [formatting.within(model) for model, p_value in reversed(values.items()) if p_value > _ALPHA]
    if not inside:
        return ""
    if len(inside) == 1:
        return f"The best is {inside[0]}, with {formatting.CONFIDENCE} confidence."
    remark = "" if len(inside) < len(values) else ": none can be ruled out"
    listed = f"{', '.join(inside[:-1])} and {inside[-1]}"
    return f"The best is, with {formatting.CONFIDENCE} confidence, among {listed}{remark}."


def _sharpe(evidence: Evidence) -> str:
    rows = [(model, ratio) for model, ratio in _ordered(evidence.get("sharpe")) if ratio["deflated"] is not None]
    if not rows:
        return ""
    odds = [f"{formatting.label(model)} {_odds(ratio['deflated'])}" for model, ratio in rows]
    counted, first = formatting.count(rows[0][1]["trials"]), rows[0][1]
    alike = ""
    if (effective := first.get("effective_trials")) is not None and effective < 0.95 * first["trials"]:
        alike = f", which are as much alike as {formatting.number(effective, 1)} independent ones"
    return (
        f"{', '.join(odds)}, counting {counted} tried{alike} (deflated Sharpe ratio, autocorrelation allowed for). "
        "A positive Sharpe ratio alone is no skill: holding a rising stock has one, too."
    )


def _break_even(evidence: Evidence) -> str:
    costs, unpaid = [], []
    for model, result in _ordered(evidence.get("break_even")):
        if result["cost"] is None:
            unpaid.append(f"{formatting.label(model)} did not trade")
        elif result["cost"] < 0:
            unpaid.append(f"{formatting.label(model)} lost before any costs")
        else:
            ends = f" ({_basis(result['low'])} to {_basis(result['high'])})" if result["low"] is not None else ""
            costs.append(f"{formatting.label(model)} {_basis(result['cost'])} basis points{ends}")
    earning = [f"{', '.join(costs)} on every trade, before the gain is gone"] if costs else []
    return f"{'; '.join([*earning, *unpaid])}." if costs or unpaid else ""


def _even(evidence: Evidence) -> str:
    result = evidence.get("even")
    if not result or result["cost"] is None:
        return ""
    busier = result["busier"]
    calmer = result["rival"] if busier == result["model"] else result["model"]
    if result["cost"] <= 0:
        ahead = result["model"] if result["gross"] > 0 else result["rival"]
        amount = "less" if ahead == calmer else "more"
        return f"None: the {formatting.label(ahead)} gained more before costs and traded {amount}."
    ends = (
        f" ({formatting.CONFIDENCE}: {_basis(result['low'])} to {_basis(result['high'])})"
        if result["low"] is not None
        else ""
    )
    return (
        f"{_basis(result['cost'])} basis points{ends}: below that the {formatting.label(busier)}, which trades more, "
        f"earned more; above it the {formatting.label(calmer)}."
    )


_QUESTIONS: list[tuple[str, Callable[[Evidence], str]]] = [
    ("Log loss of the two networks", _probabilities),
    ("Directional accuracy", _directions),
    ("Superior predictive ability over buy-and-hold", _superior),
    ("Model confidence set", _best),
    ("Sharpe ratio above zero", _sharpe),
    ("Probability of backtest overfitting (CSCV)", overfitting.picked),
    ("Minimum backtest length", overfitting.record),
    ("Break-even transaction cost", _break_even),
    ("Break-even cost of the difference", _even),
]


def _echo(context: PageContext) -> str:
    """The "yesterday's price" check: correlation of the predicted probability with the latest return."""
    if context.bars.empty:
        return ""
    close, first = context.bars["close"].to_numpy(), context.traded.start
    clauses = []
    for model, rows in _ordered(ensembles(context.predictions)):
        if model not in context.networks:
            continue
        decided = first - 1 + np.arange(len(rows))
        if decided[0] < 1 or decided[-1] >= len(close):
            return ""
        coefficient = correlation(rows["probability"].to_numpy(), close[decided] / close[decided - 1] - 1.0)
        if coefficient is not None:
            clauses.append(f"{formatting.label(model)} {formatting.number(coefficient)}")
    if not clauses:
        return ""
    return f"{', '.join(clauses)}. Near 1 or −1 a model only repeats it."


def _ordered(by_model: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """The LSTM before the others, as everywhere in the report."""
    return sorted((by_model or {}).items(), key=lambda item: item[0] != "lstm")


def _p(value: float) -> str:
    return "p below 0.001" if value < 0.001 else f"p = {formatting.number(value, 3 if value < 0.1 else 2)}"


def _odds(value: float) -> str:
    return "above 99.9 %" if value > 0.999 else formatting.percent(value)


def _basis(value: float) -> str:
    return formatting.number(10_000 * value, 0 if abs(value) >= 0.001 else 1)


def _years(years: float) -> str:
    if years < 0.25:
        return formatting.plural(round(365.25 * years), "day")
    return f"{formatting.number(years, 1 if years < 10 else 0)} years"


def trial_log(trials: Evidence) -> str:
    """How much was tried in this folder of runs, and whether its log can be believed."""
    listed = "; ".join(trials["problems"][:3])
    problem = f" It cannot be relied on: {listed}. More may have been tried." if listed else ""
    return f"{formatting.plural(trials['tried'], 'configuration')} tried in this folder of runs so far.{problem}"


def missed_leaks(share: float) -> str:
    """How rare a leak the audit could have missed. share: as in the certificate."""
    return (
        f"A feature that leaks in {formatting.percent(share)} of the bars or more is found with 95 % probability; a "
        "rarer leak may have been missed"
    )


def _integrity(context: PageContext) -> str:
    """Whether the run's files are the ones that were written."""
    if not context.integrity.verified:
        return f"Not verified: {context.integrity.reason}."
    return "As they were written: each has its recorded sha256, bars and predictions the certificate's too." + (
        _recomputed((context.metrics.get("integrity") or {}).get("recomputed") or {})
    )


def _recomputed(recomputed: Evidence) -> str:
    """How many forecasts were made again from the networks' weights, and why the others were not."""
    sentences = []
    if recomputed.get("rows"):
        sentences.append(
            f"{formatting.plural(recomputed['rows'], 'forecast')} drawn at random, of "
            f"{formatting.plural(recomputed['members'], 'trained network')}, came out the same when made again from "
            "the stored weights and bars"
        )
    reasons = dict(recomputed.get("unverified") or {})
    sentences += [f"Unverified for {formatting.label(model)}: {reason}" for model, reason in reasons.items()]
    return "".join(f" {sentence}." for sentence in sentences)


def _audit(metrics: Evidence) -> str:
    """What the look-ahead audit of a run found, or those of the runs of a portfolio."""
    if "mean_share" in metrics:
        return portfolio_audit(metrics.get("certificates") or {})
    certificate = metrics.get("certificate")
    return "Not done: this run has no certificate." if certificate is None else _certificate(certificate)


def portfolio_audit(certificates: Mapping[str, Evidence | None]) -> str:
    """The audits of several runs in one answer. certificates: by run, None where a run has none."""
    done = {run: certificate for run, certificate in certificates.items() if certificate is not None}
    if not done:
        return "Not noted: no run of this portfolio has a certificate, or an earlier version joined them."
    sentences = []
    for run, certificate in done.items():
        if not certificate["passed"]:
            sentences.append(f"Look-ahead bias detected in {run}: {'; '.join(certificate['failures'][:2])}")
        elif open_questions := certificate.get("unverifiable"):
            sentences.append(f"Cannot be checked in {run}: {'; '.join(open_questions[:2])}")
    if missing := [run for run in certificates if run not in done]:
        sentences.append(
            f"Not done for {joined(missing)}, which {'has' if len(missing) == 1 else 'have'} no certificate"
        )
    compared = sum(certificate["compared"] for certificate in done.values())
    sentences.append(
        f"{'No look-ahead bias detected' if not sentences else 'Nothing else was detected'} in "
        f"{formatting.plural(len(done), 'run')}, each audited by itself, its fills and choices by these rules too: "
        f"{formatting.count(compared)} comparisons"
    )
    shares = [certificate["detectable_share"] for certificate in done.values() if certificate.get("detectable_share")]
    sentences += [missed_leaks(max(shares))] if shares else []
    return "".join(f"{sentence}. " for sentence in sentences).strip()


def _certificate(certificate: Evidence) -> str:
    """What was recomputed on truncated history, and whether it was the same."""
    checks = (
        _recomputations(certificate)
        if certificate["cuts"]
        else (f"Times and fills of every forecast were held against the bars: {_compared(certificate)}.")
    )
    if (share := certificate.get("detectable_share")) is not None:
        checks += (
            f" Each feature was made again at {formatting.count(certificate['feature_cuts'])} more bars with the later "
            f"ones cut off. {missed_leaks(share)}."
        )
    if certificate["passed"] and (open_questions := certificate.get("unverifiable")):
        return f"Cannot be checked: {'; '.join(open_questions[:5])}. No look-ahead bias in the rest. {checks}"
    if certificate["passed"]:
        return f"No look-ahead bias detected. {checks}"
    return (
        f"Look-ahead bias detected: {'; '.join(certificate['failures'][:5])}. The numbers on this page cannot be "
        f"trusted. {checks}"
    )


def _recomputations(certificate: Evidence) -> str:
    """What was made again at which cuts."""
    subjects = ["bars", "features", "labels"]
    subjects += ["calibrations", "bands", "sizes"] if "backtest" in certificate else []
    if certificate.get("retrained", 1):
        subjects += ["folds", "scalers", "one trained member of each network"]
    chain = certificate.get("chain_cuts")
    more = f" Labels, weights and scalers were at {formatting.count(chain)} more." if chain else ""
    return (
        f"{capital(joined(subjects))} were made again at {formatting.plural(len(certificate['cuts']), 'moment')}, once "
        f"with everything later cut off and once with other prices in its place.{more} In all: "
        f"{_compared(certificate)}, to the last digit."
    )


def _compared(certificate: Evidence) -> str:
    return f"{formatting.count(certificate['compared'])} comparisons (certificate {certificate['sha256'][:16]})"
