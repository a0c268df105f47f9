"""What several verdicts say together, as sentences: no lucky run is picked out of many."""

from collections.abc import Sequence

from forecast.report import formatting
from forecast.report.sections.verdict import name
from forecast.statistics.families import FamilyMember, JointFamily

_TITLES = {
    ("skill", "architectures"): "Skill, LSTM against SimpleRNN",
    ("skill", "equal_parameters"): "Skill at equal parameters",
    ("skill", "models"): "Skill between other models",
    ("skill", "base_rate"): "Skill against the base rate",
    ("skill", "baselines"): "Skill against baselines",
    ("money", "architectures"): "Money, LSTM against SimpleRNN",
    ("money", "equal_parameters"): "Money at equal parameters",
    ("money", "models"): "Money between other models",
    ("money", "benchmarks"): "Money against benchmarks",
    ("money", "baselines"): "Money against baselines",
}
_ALWAYS = (("skill", "architectures"), ("skill", "base_rate"))
_LISTED = 6  # claims named one by one


def together(families: Sequence[JointFamily]) -> list[str]:
    """A sentence a family: claims of single verdicts, how many would be false, what remains after the correction.

    Empty for fewer than two runs. Families in which nothing is claimed are counted in one sentence.
    """
    if not families or families[0].runs < 2:
        return []
    claiming = [
        family for family in families if (family.question, family.family) in _ALWAYS or family.claims(alone=True)
    ]
    silent = len(families) - len(claiming)
    remainder = (
        [f"In {silent} other famil{'y' if silent == 1 else 'ies'} no verdict claims anything."] if silent else []
    )
    return [*map(_sentence, claiming), *remainder]


def _sentence(family: JointFamily) -> str:
    runs = len({claim.run for claim in family.claims(alone=True)})
    claims = family.claims()
    remain = "none remains" if not claims else f"{_claims(claims)} remain{'s' * (len(claims) == 1)}"
    verb = "claims" if runs < 2 else "claim"
    places = 1 if family.expected_false >= 1.0 else 2
    text = (
        f"{_TITLES[family.question, family.family]}: {runs or 'none'} of {family.runs} verdicts {verb} a difference; "
        f"if nothing differed, at most {formatting.number(family.expected_false, places)} would be expected by chance"
    )
    if not runs:
        return f"{text}."
    return f"{text}. Corrected together (Holm, {formatting.plural(len(family.members), 'comparison')}) {remain}."


def _claims(members: Sequence[FamilyMember]) -> str:
    """ "AAPL (the LSTM better than cash) and IBM (...)"; a number where there are many."""
    if len(members) > _LISTED:
        return formatting.count(len(members))
    texts = [
        f"{member.symbol} ({name(member.model)} {member.answer} than {name(member.benchmark)})" for member in members
    ]
    return " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))
