from collections import Counter

from tests.benchmarks.panel_power import answers


def test_a_planted_edge_is_found_in_most_panels_and_none_is_seldom_claimed():
    """30 panels of each kind; 6 false claims or more of 30 at 5 % have a chance of 0.3 %."""
    planted = Counter(answers(number, edge=0.08, days=250)["lstm", "base_rate"] for number in range(30))
    assert planted["better"] >= 24
    assert planted["worse"] == 0
    nothing = [answers(1_000 + number, edge=0.0, days=250) for number in range(30)]
    for pair in nothing[0]:
        assert sum(answers[pair] != "inconclusive" for answers in nothing) < 6
