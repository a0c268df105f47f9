"""Where forecasts made elsewhere come from, what was checked of them, and what nobody here can check."""

from collections.abc import Mapping
from typing import Any

from forecast.report import formatting
from forecast.report.context import PageContext
from forecast.report.sections.verdict import capital, joined, name

_KINDS = {
    "probability": "probabilities of a rise",
    "signal": "signals to buy, hold or sell",
    "position": "positions, in or out",
    "score": "scores, of which the order and the sign count",
    "price": "prices, taken as returns from the close at which they were made",
}
_COUNTS = {
    "in_sample": "were made up to the end of training and left out",
    "without_outcome": "have no outcome yet and were left out",
    "not_common": "were left out, since not every model has one there",
    "gaps": "were missing: what was held stayed",
}


def procedure(context: PageContext, *, cost: str) -> str:
    """What was done, in one line. cost: what was paid, in words."""
    names = [name(model) for model in context.networks]
    policy = str(context.policy.get("policy", "")).replace("-", " or ")
    kind = _kind(context.about["judged"])
    values = f"{kind}," if "," in kind else kind
    several = "Their" if len(names) > 1 else "Its"
    bars = formatting.plural(context.metrics["period"]["bars"], "bar")
    return (
        f"Forecasts of {joined(names)}, made by another program. {several} {values} were traded {policy} "
        f"over {bars}, at the next open, paying {cost} on every change of position."
    )


def origin(context: PageContext) -> list[tuple[str, str]] | None:
    """Questions and answers about the forecasts; None for a run that was trained here."""
    about = context.about.get("judged")
    if about is None:
        return None
    rows = [("Forecasts", _source(about)), ("When they were made", " ".join(about["notes"]))]
    if about["counts"]:
        rows.append(("Left out", _left_out(about["counts"])))
    if about["suspicions"]:
        rows.append(("Warning", " ".join(about["suspicions"])))
    rows += [
        ("Chosen on", _chosen(about)),
        ("Checked", _checked(about)),
        ("Cannot be checked", _unchecked(context)),
    ]
    return [(term, text) for term, text in rows if text]


def _source(about: Mapping[str, Any]) -> str:
    text = capital(_kind(about))
    if predictors := about.get("predictors"):
        names = ", ".join(f"{predictor['predictor']} (sha256 {predictor['sha256'][:12]})" for predictor in predictors)
        return f"{text}, asked of {names}."
    digest = f" (sha256 {about['sha256'][:12]})" if about.get("sha256") else ""
    seeds = "" if about["seeded"] else "; which training they come from is not said"
    return f"{text}, from {about.get('source', 'elsewhere')}{digest}{seeds}."


def _left_out(counts: Mapping[str, int]) -> str:
    parts = [f"{formatting.count(counts[name])} {text}" for name, text in _COUNTS.items() if name in counts]
    return f"{'; '.join(parts)}."


def _chosen(about: Mapping[str, Any]) -> str:
    if about["validation_rows"]:
        return f"{formatting.count(about['validation_rows'])} earlier forecasts of the same models."
    return "Nothing: no earlier forecasts came with these, so the threshold is the one that was asked for."


def _checked(about: Mapping[str, Any]) -> str:
    text = (
        "Every forecast is decided at the close of a bar and filled at the next open; baselines learned only from what "
        "was known before each fold."
    )
    for predictor in about.get("predictors", ()):
        repeated = f"{formatting.count(predictor['asked_again'])} of {formatting.count(predictor['asked'])}"
        history, truncation = "the bars up to each decision", ""
        if predictor.get("vectorised"):
            history, truncation = "the whole history at once", ", each time with the later bars cut off"
        text += (
            f" {predictor['predictor']} was given {history}, and gave the same answer when it was asked again for "
            f"{repeated} in a fresh process{truncation}."
        )
    return text


def _unchecked(context: PageContext) -> str:
    entries = (context.metrics.get("certificate") or {}).get("unverifiable") or []
    until = context.about["judged"].get("trained_until")
    hint = "" if until else " Nobody said until when they learned: --trained-until leaves out what they have seen."
    return capital(f"{'; '.join(entries)}.{hint}")


def _kind(about: Mapping[str, Any]) -> str:
    return _KINDS[about["values"]]
