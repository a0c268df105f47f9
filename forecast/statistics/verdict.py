"""The rule, fixed before any result is seen, that turns comparisons into sentences.

1. LSTM - SimpleRNN (ensembles, net of costs): an interval at 95 %. Above zero is "better", below is "worse",
   anything else is "cannot tell", and so is what single trainings with other random starts could turn round (interval
   over seeds and days), and any comparison of a network that never held anything: what it saved by standing aside is
   no skill. Fewer than 20 sessions never give more than "cannot tell" either: they do not speak for
   other days. This one comparison is the verdict.
2. LSTM - SimpleRNN with as many parameters, and each network against holding, against nothing, and against the baseline
   that did best: intervals at 1 - 0.05 / m (Bonferroni), where m counts every baseline, the ones not shown too, since
   the best was picked afterwards. The chance of even one false "better" or "worse" among them is at most 5 %.
Where one of the two was not trained there is no first comparison, and the verdict is about the simple rivals.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from forecast.config import model_registry
from forecast.config.experiment import BASELINES
from forecast.statistics.paired_test import PairedTest

PAIR, SAME_PARAMETERS = model_registry.SAME_UNITS, model_registry.SAME_PARAMETERS
RIVALS = ("buy_and_hold", "always_flat")
LEVEL = 0.95
OTHER_SEEDS = "with other random starts it could turn round"

_NAMES = {
    "simple_rnn_wide": "the SimpleRNN with as many parameters",
    "buy_and_hold": "buying and holding",
    "always_flat": "holding nothing",
    "previous_sign": "repeating the last direction",
    "logistic": "logistic regression",
    "boosting": "gradient boosting",
}

_ALONE = {
    "better": "did better than",
    "worse": "did worse than",
    "cannot tell": "cannot be told apart from",
}
_ALIKE = {
    "better": ("both networks", "all networks", "did better than"),
    "worse": ("both networks", "all networks", "did worse than"),
    "cannot tell": ("neither network", "no network", "can be told apart from"),
}


def is_network(model: str) -> bool:
    """Whether a model is one of those the experiment is about, and not something simple beside them."""
    return model not in RIVALS and model not in BASELINES


def rival_level(comparisons: int) -> float:
    """The level of each interval at which all of them together are still right 95 times in 100."""
    return 1.0 - (1.0 - LEVEL) / max(1, comparisons)


def verdict(
    comparisons: Sequence[PairedTest],
    *,
    symbol: str,
    first: str,
    last: str,
    wait: Mapping[str, float] | None = None,
    idle: Sequence[str] = (),
    days: int | None = None,
    at_once: float = 0.0,
) -> dict[str, Any]:
    """The answer, its sentence, and one sentence each on the simple rivals and on how many were compared.

    first, last: ISO dates of the period. wait: years that were there and years needed to tell, where it cannot be
    told and that is known. idle: models that never held anything. days: sessions, where they are too few. at_once:
    share of the decisions that are filled within the time stamp at which they were made.
    Returns answer, sentence, details (sentences, the most important first) and caveats (what these prices cannot say).
    """
    pair = [each for each in comparisons if (each.model, each.rival) == PAIR]
    same = [each for each in comparisons if (each.model, each.rival) == SAME_PARAMETERS]
    rivals = [each for each in comparisons if (each.model, each.rival) not in (PAIR, SAME_PARAMETERS)]
    where = f"on {symbol}, {_period(first, last)}, after costs"
    besides = [_size_sentence(each, idle) for each in same] + ([_rivals_sentence(rivals)] if rivals else [])
    details = [" ".join(besides)] if besides else []
    details += [_counting_sentence(pair, same, rivals)]
    details += [_waiting_sentence(wait)] if wait and days is None else []
    caveats = [_hurry_sentence(at_once)] if at_once else []
    if pair:
        return {
            "answer": pair[0].answer,
            "sentence": f"{pair[0].answer.capitalize()}: {where}, {_aside(pair[0], idle)}{_few(days)}.",
            "details": [*details, *(f"{_capital(_difference(each))}." for each in rivals)],
            "caveats": caveats,
        }
    return {
        "answer": _together(rivals),
        "sentence": f"{_who(rivals)}, {where}: {details[0]}" if besides else "Nothing to compare.",
        "details": [*details[1:], *(f"{_capital(_difference(each))}." for each in rivals)],
        "caveats": caveats,
    }


def name(model: str) -> str:
    """How a sentence calls a model."""
    if model in model_registry.MODELS:
        return _NAMES.get(model, f"the {model_registry.label(model)}")
    return _NAMES.get(model, model.replace("_", " "))


def percent(value: float) -> str:
    """A small fraction as a percentage with two significant digits: 0.00012 -> "0.012 %"."""
    text = f"{100 * value:.2g}"
    return f"{f'{100 * value:.6f}'.rstrip('0').rstrip('.') if 'e' in text else text} %".replace("-", "−")


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + percent(value)


def _difference(each: PairedTest) -> str:
    more = "more" if each.mean_difference > 0 else "less"
    amount = f"{percent(abs(each.mean_difference))} a {each.unit} {more} than"
    if not each.mean_difference:
        amount = "the same as"
    sentence = f"{name(each.model)} earned {amount} {name(each.rival)}"
    if each.low is None or each.high is None:
        return f"{sentence}; {each.reason}"
    told = f"{sentence}, {_level(each.level)} interval {_signed(each.low)} to {_signed(each.high)}"
    return f"{told}, but {each.reason}" if each.reason == OTHER_SEEDS else told


def _rivals_sentence(rivals: Sequence[PairedTest]) -> str:
    """What the networks were against the simplest things one could have done, one clause a rival."""
    found = list({each.model: None for each in rivals})
    clauses: list[str] = []
    for rival in {each.rival: None for each in rivals}:
        answers = {each.model: each.answer for each in rivals if each.rival == rival}
        alike = len(set(answers.values())) == 1
        if alike and len(found) > 1:
            two, more, did = _ALIKE[answers[found[0]]]
            who = two if len(found) == 2 else more
            clauses.append(f"{who.split()[0] if clauses and len(found) == 2 else who} {did} {_rival(rival)}")
            continue
        said = [
            f"{_listed([name(model) for model in answers if answers[model] == answer])} {_ALONE[answer]} "
            f"{'it' if row else _rival(rival)}"
            for row, answer in enumerate(dict.fromkeys(answers.values()))
        ]
        clauses.append(" while ".join(said))
    return f"{_capital('; '.join(clauses))}."


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _who(rivals: Sequence[PairedTest]) -> str:
    """Whose verdict it is where LSTM and SimpleRNN do not stand beside each other."""
    return "One network only" if len({each.model for each in rivals}) == 1 else "LSTM and SimpleRNN not both trained"


def _rival(model: str) -> str:
    return f"{name(model)} (the best baseline)" if model in BASELINES else name(model)


def _aside(pair: PairedTest, idle: Sequence[str]) -> str:
    """A network that stood aside may look good or bad without having done anything: that must be said first."""
    who = [name(model) for model in (pair.model, pair.rival) if model in idle]
    if not who:
        return _difference(pair)
    said = _difference(pair)
    return f"{' and '.join(who)} never held anything; {said.replace(who[0], 'it', 1) if pair.model in idle else said}"


def _size_sentence(pair: PairedTest, idle: Sequence[str]) -> str:
    """The same two cells where the SimpleRNN has as many parameters as the LSTM, not as many units."""
    return f"At equal parameters, {pair.answer}: {_aside(pair, idle)}."


def _few(days: int | None) -> str:
    if days is None:
        return ""
    return f"; {'one session says' if days == 1 else f'{days} sessions say'} nothing of other days"


def _counting_sentence(pair: Sequence[PairedTest], same: Sequence[PairedTest], rivals: Sequence[PairedTest]) -> str:
    made = len(pair) + len(same) + len(rivals)
    noun = "comparison was" if made == 1 else "comparisons were"
    text = f"{made} {noun} made"
    if len(same) + len(rivals) > 1:
        others = f"the {len(rivals)} with simple rivals"
        if same or not pair:
            others = f"the {made - 1} beside the verdict's" if pair else "they"
        text += (
            f"; {others} use wider, {_level([*same, *rivals][0].level)} intervals, so that all of them together "
            "hold at 95 %"
        )
    return f"{text}."


def _waiting_sentence(wait: Mapping[str, float]) -> str:
    needed, years = wait["needed"], wait["years"]
    if needed > 1_000:
        return "At the difference that was measured, a thousand years would not be enough to tell."
    return (
        f"If the true difference is the one measured, about {_years(needed)} of such data would tell it 4 times in 5; "
        f"there were {_years(years)}."
    )


def _hurry_sentence(share: float) -> str:
    """Bars that end and begin within one tick of the clock: nobody can promise to have been that quick."""
    return (
        f"{percent(share)} of the decisions were filled within the time stamp at which they were made: "
        "whether an order could have been there in time, these prices cannot say."
    )


def _years(years: float) -> str:
    if years < 1 / 12:
        return f"{365.25 * years:.2g} days"
    return f"{12 * years:.2g} months" if years < 2 else f"{years:.0f} years"


def _together(rivals: Sequence[PairedTest]) -> str:
    answers: Mapping[str, None] = {each.answer: None for each in rivals}
    return next(iter(answers)) if len(answers) == 1 else "cannot tell"


def _level(level: float) -> str:
    return f"{100 * level:.4g} %"


def _period(first: str, last: str) -> str:
    """Years where the period spans several, days where it does not."""
    if first[:4] != last[:4]:
        return f"{first[:4]}–{last[:4]}"
    return first[:10] if first[:10] == last[:10] else f"{first[:10]} to {last[:10]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
