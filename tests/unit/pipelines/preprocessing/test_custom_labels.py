import numpy as np
import pytest

from pipelines.errors import ConfigError, TooFewBarsError
from pipelines.preprocessing import labels
from pipelines.sources.synthetic import random_walk
from tests.helpers.market_examples import flat_bars

OWN = "tests.helpers.own_labels"


def labelled_by(bars, function, *, horizon=5, overnight="hold"):
    return labels.make(
        bars, kind=f"{OWN}:{function}", horizon=horizon, cost_bps=6.0, barrier_width=1.0, overnight=overnight
    )


def opens(*prices):
    return flat_bars(prices)


def test_the_value_is_learned_and_the_return_is_that_of_the_position():
    # row 0 enters at 10 and leaves at 9; the mean of 12, 13, 12, 11, 9 is 11.4: a rise that the exit does not have
    # row 1 enters at 12 and leaves at 20; the mean of 13, 12, 11, 9, 20 is 13
    labelled = labelled_by(opens(10.0, 10.0, 12.0, 13.0, 12.0, 11.0, 9.0, 20.0), "up_5")
    np.testing.assert_array_equal(labelled.target, [1.0, 1.0])
    np.testing.assert_allclose(labelled.forward_return, [9 / 10 - 1, 20 / 12 - 1])
    np.testing.assert_array_equal(labelled.held, [5, 5])


def test_each_row_is_known_at_the_open_that_it_names():
    bars = opens(100.0, 100.0, 100.5, 102.0, 100.0, 100.0, 100.0, 100.0)
    # row 0 enters at 100: +0.5 %, then +2 % after two bars. Row 1 enters at 100.5: +1.49 % after one
    labelled = labelled_by(bars, "first_move")
    np.testing.assert_array_equal(labelled.held, [2, 1])
    np.testing.assert_array_equal(labelled.entry_at, bars.opened_at[[1, 2]])
    np.testing.assert_array_equal(labelled.exit_at, bars.opened_at[[3, 3]])
    np.testing.assert_array_equal(labelled.target, [1.0, 1.0])


def test_a_longer_horizon_only_leaves_out_more_rows():
    bars = random_walk(bars=60, seed=0)
    short, long = labelled_by(bars, "up_5"), labelled_by(bars, "up_5", horizon=9)
    assert (len(short), len(long)) == (54, 50)
    np.testing.assert_array_equal(short.target[:50], long.target)
    np.testing.assert_array_equal(long.held, np.full(50, 5))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("no_pair", "expected a pair of values and bars held, got ndarray"),
        ("short", r"expected values of shape \(60,\), one per bar, got shape \(59,\)"),
        ("hole", r"expected a finite value at all bars but the last 6, got nan at bar 7 \(.*\) and 0 others"),
        ("undefined_at_its_exit", r"got nan at bar 53 .*, or give the --horizon after which it is known"),
        ("before_the_entry", r"an exit after the entry, got 0 at bar 0 \(.*\) and 53 others"),
        ("half_a_bar", r"expected whole numbers of bars held.*got 1\.5"),
        ("never", r"expected whole numbers of bars held.*got nan"),
        ("beyond", r"expected at most --horizon 5 bars held, got 8 .* Give --horizon 8\."),
        ("words", "expected values as an array, got list"),
        ("broken", r"failed at line \d+ of own_labels\.py: AttributeError: .* no attribute 'colour'"),
        ("changing", "ValueError: assignment destination is read-only"),
        ("missing", "expected a function missing in .*, got none"),
    ],
)
def test_what_is_no_label_is_one_clear_line(function, message):
    with pytest.raises(ConfigError, match=f"Label {OWN}:{function}") as raised:
        labelled_by(random_walk(bars=60, seed=0), function)
    assert "\n" not in str(raised.value)
    with pytest.raises(ConfigError, match=message):
        labelled_by(random_walk(bars=60, seed=0), function)


def test_a_horizon_that_is_too_short_is_said_before_the_rows_that_it_leaves_without_a_value():
    with pytest.raises(ConfigError, match=r"expected at most --horizon 1 bars held, got 5 .* Give --horizon 5\."):
        labelled_by(random_walk(bars=60, seed=0), "up_5", horizon=1)


def test_fewer_bars_than_one_label_needs_are_refused_before_it_is_asked():
    with pytest.raises(TooFewBarsError, match="need 7 bars for one label, got 6"):
        labelled_by(random_walk(bars=6, seed=0), "broken")
