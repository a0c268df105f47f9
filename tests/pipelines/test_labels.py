import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import ConfigError, TooFewBarsError
from pipelines.labels import next_open_direction
from pipelines.sources.synthetic import random_walk
from tests.pipelines.test_features import flat_bars


def test_label_is_open_of_next_bar_to_open_of_the_bar_after():
    bars = flat_bars([10.0] * 5, open=[10.0, 8.0, 10.0, 10.0, 9.0], high=[10.0] * 5, low=[8.0] * 5)
    found = next_open_direction(bars, horizon=1)
    np.testing.assert_allclose(found.forward_return, [10 / 8 - 1, 0.0, 9 / 10 - 1])
    np.testing.assert_array_equal(found.target, [1.0, 0.0, 0.0])
    np.testing.assert_array_equal(found.decided_at, bars.closed_at[:3])
    np.testing.assert_array_equal(found.entry_at, bars.opened_at[1:4])
    np.testing.assert_array_equal(found.exit_at, bars.opened_at[2:5])


@given(horizon=st.integers(1, 20), seed=st.integers(0, 100))
def test_a_label_is_decided_before_it_is_entered_and_known_at_its_exit(horizon, seed):
    bars = random_walk(bars=40, seed=seed)
    found = next_open_direction(bars, horizon=horizon)
    assert len(found) == 40 - 1 - horizon
    assert (found.decided_at < found.entry_at).all()
    assert (found.entry_at < found.exit_at).all()
    truncated = next_open_direction(bars.rows(slice(0, 30)), horizon=horizon)
    np.testing.assert_array_equal(truncated.forward_return, found.forward_return[: len(truncated)])


def test_too_few_bars_and_a_horizon_of_zero_are_refused():
    with pytest.raises(TooFewBarsError, match="need 3 bars for one label, got 2"):
        next_open_direction(flat_bars([1.0, 2.0]), horizon=1)
    with pytest.raises(ConfigError, match="horizon of 1 bar or more, got 0"):
        next_open_direction(flat_bars([1.0, 2.0]), horizon=0)
