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
from forecast.statistics.forecast_accuracy import correlation, ensembles
from forecast.statistics.forecast_accuracy import reliability as groups_of
from forecast.statistics.verdict import Verdict

_GROUPS = 10
_ALPHA = 1.0 - SIGNIFICANCE.level

Found = Mapping[str, Any]


def vetoes(material: PageContext) -> list[dict[str, str]]:
    """What can take the verdict away, and whether it did: questions and answers."""
    verdict = Verdict.from_json(material.metrics["verdict"])
    shown = material.metrics.get("certificate")
    audit = "Not done: this run has no certificate." if shown is None else _certificate(shown)
    reasons = {each.reason for each in verdict.comparisons}
    seeds = min((each.seeds for each in verdict.comparisons if each.seeds), default=0)
    rows = [("Look-ahead audit", audit)]
    if seeds:
        enough = "nothing is claimed from one" if seeds < 2 else "enough: from one nothing would be claimed"
        rows.append(("Seeds of each network", f"{seeds}, {enough}."))
    if first := verdict.skill:
        fewest = SIGNIFICANCE.fewest
        enough = f"below {fewest}, so nothing is claimed" if first.observations < fewest else f"{fewest} are enough"
        few = "too few sessions, so nothing is claimed" if "too_few_sessions" in reasons else enough
        rows.append(("Days with decisions", f"{formatting.count(first.observations)}, {few}."))
    idle = (material.metrics.get("trading") or {}).get("never_traded") or ()
    silent = [formatting.label(model) for model in idle if model in material.networks]
    held = f"Not {' and '.join(silent)}: no money of theirs is compared." if silent else "All networks did."
    rows.append(("Held a position", held))
    return [{"question": question, "answer": answer} for question, answer in rows]


def answers(material: PageContext) -> list[dict[str, str]]:
    """What cannot change the verdict, and is there to doubt it with; those that this run has numbers for."""
    found = material.metrics.get("evidence") or {}
    rows = [{"question": question, "answer": answer(found)} for question, answer in _QUESTIONS if answer(found)]
    if trials := material.metrics.get("trials"):
        rows.append({"question": "Trial log", "answer": trial_log(trials)})
    rows.append({"question": "Files of the run", "answer": _integrity(material)})
    if echo := _echo(material):
        rows.append({"question": "Correlation with the last return", "answer": echo})
    return rows


def reliability(material: PageContext) -> Figure:
    """What came where which chance was said, in tenths of the decisions; on the diagonal is right."""
    traces: list[dict[str, Any]] = []
    told = []
    means = ensembles(material.predictions)
    seen: list[float] = [0.5]
    said: list[float] = []
    lines = [(model, formatting.label(model), means[model]) for model in material.networks if model in means]
    lines += [(model, f"{formatting.label(model)}, calibrated", rows) for model, rows in _recalibrated(material, means)]
    for model, title, rows in lines:
        after = title.endswith("calibrated")
        each = groups_of(rows["target"].to_numpy(), rows["probability"].to_numpy(), groups=_GROUPS)
        said += [*each.said]
        seen += [*each.low, *each.high]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": escape(title),
                "x": rounded(each.said),
                "y": rounded(each.came),
                "customdata": each.count.tolist(),
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": rounded(each.high - each.came),
                    "arrayminus": rounded(each.came - each.low),
                    "thickness": 1,
                    "width": 3,
                    "color": colour(model, alpha=0.6),
                },
                "line": {"color": colour(model), "width": 1, "dash": dash(model)},
                "marker": {"color": colour(model), "size": 8, "symbol": "circle-open" if after else "circle"},
                "hovertemplate": "predicted %{x:.1%}, realised %{y:.1%}<br>%{customdata} decisions<extra></extra>",
            }
        )
        told.append(f"{title} said {formatting.percent(each.said[0])} to {formatting.percent(each.said[-1])}")
    ends = [max(0.0, min(seen) - 0.02), min(1.0, max(seen) + 0.02)]
    sides = [min(said, default=0.5) - 0.01, max(said, default=0.5) + 0.01]
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
        "alt": f"Predicted probabilities against realised shares. {'; '.join(told)}.",
    }


def _recalibrated(material: PageContext, means: Mapping[str, pd.DataFrame]) -> list[tuple[str, pd.DataFrame]]:
    """The same decisions with the probabilities that were traded, where they were calibrated before."""
    if material.policy.get("calibration", "none") == "none":
        return []
    ensemble = material.signals[material.signals["member"] == ENSEMBLE]
    traded = {str(model): rows["probability"].to_numpy() for model, rows in ensemble.groupby("model", sort=False)}
    return [(model, means[model].assign(probability=traded[model])) for model in material.networks if model in traded]


def _probabilities(found: Found) -> str:
    each = found.get("diebold_mariano")
    if not each or each["p_value"] is None:
        return f"Unknown: {each['reason']}." if each else ""
    better, other = (each["model"], each["rival"]) if each["mean_difference"] < 0 else (each["rival"], each["model"])
    if each["p_value"] >= _ALPHA:
        return f"No significant difference, {_p(each['p_value'])} (Diebold-Mariano)."
    return (
        f"The {formatting.label(better)}'s is lower than the {formatting.label(other)}'s, {_p(each['p_value'])} "
        "(Diebold-Mariano). A better log loss need not earn more."
    )


def _directions(found: Found) -> str:
    said = []
    for model, each in _ordered(found.get("direction")):
        if each["p_value"] is None:
            said.append(f"{formatting.label(model)}: unknown, {each['reason']}")
        else:
            adjusted = each.get("p_adjusted", each["p_value"])
            told = "better than chance" if adjusted < _ALPHA else "no significant difference from chance"
            said.append(f"{formatting.label(model)}: {told}, {_p(adjusted)}")
    tested = sum(each["p_value"] is not None for each in (found.get("direction") or {}).values())
    corrected = ", Holm over the networks" * (tested > 1)
    return f"{'; '.join(said)} (Pesaran-Timmermann{corrected})." if said else ""


def _superior(found: Found) -> str:
    each = found.get("superior")
    if not each:
        return ""
    told = "Significant" if each["p_value"] < _ALPHA else "Not significant"
    return (
        f"{told}, {_p(each['p_value'])}, allowing for the choice of the better network afterwards (Hansen's SPA test)."
    )


def _best(found: Found) -> str:
    values = found.get("confidence_set") or {}
    inside = [formatting.within(model) for model, p_value in reversed(values.items()) if p_value > _ALPHA]
    if not inside:
        return ""
    if len(inside) == 1:
        return f"Only {inside[0]}, at {formatting.CONFIDENCE} (model confidence set)."
    rest = "" if len(inside) < len(values) else ": none can be ruled out"
    text = f"{', '.join(inside[:-1])} or {inside[-1]}, at {formatting.CONFIDENCE} (model confidence set){rest}."
    return text[:1].upper() + text[1:]


def _sharpe(found: Found) -> str:
    rows = [(model, each) for model, each in _ordered(found.get("sharpe")) if each["deflated"] is not None]
    if not rows:
        return ""
    said = [f"{formatting.label(model)} {_odds(each['deflated'])}" for model, each in rows]
    counted, first = formatting.count(rows[0][1]["trials"]), rows[0][1]
    alike = ""
    if (effective := first.get("effective_trials")) is not None and effective < 0.95 * first["trials"]:
        alike = f", which are as much alike as {formatting.number(effective, 1)} independent ones"
    return (
        f"{', '.join(said)}, counting {counted} tried{alike} (deflated Sharpe ratio, autocorrelation allowed for). "
        "A positive Sharpe ratio alone is no skill: holding a rising stock has one, too."
    )


def _break_even(found: Found) -> str:
    paid, unpaid = [], []
    for model, each in _ordered(found.get("break_even")):
        if each["cost"] is None:
            unpaid.append(f"{formatting.label(model)} did not trade")
        elif each["cost"] < 0:
            unpaid.append(f"{formatting.label(model)} lost before any costs")
        else:
            ends = f" ({_basis(each['low'])} to {_basis(each['high'])})" if each["low"] is not None else ""
            paid.append(f"{formatting.label(model)} {_basis(each['cost'])} basis points{ends}")
    rest = [f"{', '.join(paid)} on every trade, before the gain is gone"] if paid else []
    return f"{'; '.join([*rest, *unpaid])}." if paid or unpaid else ""


def _even(found: Found) -> str:
    each = found.get("even")
    if not each or each["cost"] is None:
        return ""
    busier = each["busier"]
    calmer = each["rival"] if busier == each["model"] else each["model"]
    if each["cost"] <= 0:
        ahead = each["model"] if each["gross"] > 0 else each["rival"]
        amount = "less" if ahead == calmer else "more"
        return f"None: the {formatting.label(ahead)} gained more before costs and traded {amount}."
    ends = (
        f" ({formatting.CONFIDENCE}: {_basis(each['low'])} to {_basis(each['high'])})"
        if each["low"] is not None
        else ""
    )
    return (
        f"{_basis(each['cost'])} basis points{ends}: below that the {formatting.label(busier)}, which trades more, "
        f"earned more; above it the {formatting.label(calmer)}."
    )


_QUESTIONS: list[tuple[str, Callable[[Found], str]]] = [
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


def _echo(material: PageContext) -> str:
    """The "yesterday's price" check: correlation of what was said with the return just seen."""
    close, first = material.bars["close"].to_numpy(), material.traded.start
    said = []
    for model, rows in _ordered(ensembles(material.predictions)):
        if model not in material.networks:
            continue
        decided = first - 1 + np.arange(len(rows))
        if decided[0] < 1 or decided[-1] >= len(close):
            return ""
        found = correlation(rows["probability"].to_numpy(), close[decided] / close[decided - 1] - 1.0)
        if found is not None:
            said.append(f"{formatting.label(model)} {formatting.number(found)}")
    if not said:
        return ""
    return f"{', '.join(said)}. Near 1 or −1 the network only repeats it."


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


def trial_log(trials: Found) -> str:
    """How much was tried in this folder of runs, and whether its log can be believed."""
    listed = "; ".join(trials["problems"][:3])
    problem = f" It cannot be relied on: {listed}. More may have been tried." if listed else ""
    return f"{formatting.plural(trials['tried'], 'configuration')} tried in this folder of runs so far.{problem}"


def missed_leaks(share: float) -> str:
    """How rare a leak the audit could have missed. share: as in the certificate."""
    return (
        f"a leak in {formatting.percent(share)} of the bars or more is detected with 95 % probability by the cuts at "
        "random alone, and a rarer one may have been missed"
    )


def _integrity(material: PageContext) -> str:
    """Whether the run's files are the ones that were written."""
    if not material.integrity.verified:
        return f"Not verified: {material.integrity.reason}."
    return "As they were written: each has its recorded sha256, bars and predictions the certificate's too."


def _certificate(shown: Found) -> str:
    """What was made again without the future, and whether it came out the same."""
    what = ", folds, scalers and one retrained member a network" if shown.get("retrained", 1) else ""
    what = f", calibrations, bands, sizes{what}" if "backtest" in shown else what
    made = (
        ""
        if shown["cuts"]
        else (
            f"times and fills of every forecast were held against the bars, {formatting.count(shown['compared'])} "
            f"comparisons in all (certificate {shown['sha256'][:16]})"
        )
    )
    made = made or (
        f"bars, features, labels{what} were recomputed at "
        f"{formatting.plural(len(shown['cuts']), 'cut')} with the future cut off and with another one in its place, "
        f"{formatting.count(shown['compared'])} comparisons in all, to the last digit (certificate "
        f"{shown['sha256'][:16]})"
    )
    if (share := shown.get("detectable_share")) is not None:
        made += (
            f"; each feature at {formatting.count(shown['feature_cuts'])} bars more with the later ones cut off, so "
            f"that {missed_leaks(share)}"
        )
    if shown["passed"] and (open_questions := shown.get("unverifiable")):
        return f"Cannot be checked: {'; '.join(open_questions[:5])}. Nothing else looks ahead: {made}."
    if shown["passed"]:
        return f"No look-ahead bias detected: {made}."
    return (
        f"Look-ahead bias detected: {'; '.join(shown['failures'][:5])}. The numbers on this page cannot be trusted. "
        f"What was done: {made}."
    )
