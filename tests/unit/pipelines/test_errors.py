"""A line names a few of many, and why."""

from pipelines.errors import listed_by_reason


def test_many_names_of_few_reasons_are_one_short_line() -> None:
    reasons = {f"S{number:03}": f"S{number:03}: Yahoo has no prices of S{number:03}." for number in range(118)}
    reasons |= {"IBM": "It did not answer.\nAsk again.", "KO": "Expected a price, got none", "GE": "x" * 999}
    assert listed_by_reason(reasons) == (
        "S000, S001, S002, S003, S004 and 113 more (Yahoo has no prices of S000); IBM (It did not answer. Ask again); "
        "KO (Expected a price, got none) and 1 more"
    )
