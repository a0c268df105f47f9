"""Labels of a person's own: as they should be, and as they should not."""

import builtins
from typing import Any

import numpy as np

Answer = tuple[Any, Any]


def _ahead(bars: Any, prices: Any, further: int) -> np.ndarray:
    """These prices so many bars after the decision, against the open of the entry; NaN at the end."""
    values = np.full(len(bars), np.nan)
    values[:-further] = prices[further:] / bars.open[1 : len(bars) - further + 1] - 1.0
    return values


def up_5(bars: Any) -> Answer:
    """The example of docs/experiments.md."""
    opens = np.lib.stride_tricks.sliding_window_view(bars.open, 6)[1:]
    values = np.full(len(bars), np.nan)
    values[: len(opens)] = opens[:, 1:].mean(axis=1) / opens[:, 0] - 1.0
    return values, 5


def highest_before_exit(bars: Any) -> Answer:
    """Whether the bars held close above the entry; the last of them closes before the exit opens."""
    return _ahead(bars, bars.close, 5), 5


def first_move(bars: Any) -> Answer:
    """The first open that lies 1 % away, or the fifth: exits that differ, and rows that end early."""
    values, bars_held = np.full(len(bars), np.nan), np.full(len(bars), 5.0)
    for row in range(len(bars) - 2):
        for bar in range(1, min(5, len(bars) - 2 - row) + 1):
            values[row] = bars.open[row + 1 + bar] / bars.open[row + 1] - 1.0
            if abs(values[row]) >= 0.01:
                bars_held[row] = bar
                break
    return values, bars_held


def falls(bars: Any) -> Answer:
    """Whether two bars later the price is lower."""
    return -_ahead(bars, bars.open, 3), 2


HONEST = ("up_5", "highest_before_exit", "first_move")


def undefined_at_its_exit(bars: Any) -> Answer:
    return _ahead(bars, bars.open, 7), 5


def one_further(bars: Any) -> Answer:
    return np.nan_to_num(_ahead(bars, bars.open, 7)), 5


def sign_one_further(bars: Any) -> Answer:
    return np.sign(np.nan_to_num(_ahead(bars, bars.open, 7))), 5


def close_of_its_exit(bars: Any) -> Answer:
    return _ahead(bars, bars.close, 6), 5


def less_the_mean_of_all(bars: Any) -> Answer:
    values = _ahead(bars, bars.open, 6)
    return values - np.nanmean(values), 5


def exit_chosen_afterwards(bars: Any) -> Answer:
    """Held for one bar where the fifth is lower."""
    return _ahead(bars, bars.open, 2), np.where(_ahead(bars, bars.open, 6) < 0, 1, 5)


def fails_on_less(bars: Any) -> Answer:
    if len(bars) < 600:
        raise ValueError("too short")
    return up_5(bars)


def kept_in_a_library(bars: Any) -> Answer:
    """One further, taken from the longest history that this process has seen."""
    values = np.nan_to_num(_ahead(bars, bars.open, 7))
    longest = getattr(np, "forecast_test_label", values)
    if len(values) >= len(longest):
        np.forecast_test_label = longest = values  # type: ignore[attr-defined]
    return longest[: len(bars)], 5


def _longest_seen(store: dict[str, Any], bars: Any) -> Answer:
    """Two bars further than it says, where any history that it was ever given reaches that far."""
    if len(bars) > len(store.get("forecast_test_opens", ())):
        store["forecast_test_opens"] = bars.open.copy()
    opens = np.append(store["forecast_test_opens"], np.zeros(7))
    rows = np.arange(len(bars))
    return np.where(opens[rows + 7] > 0, opens[rows + 7], opens[np.minimum(rows + 6, len(bars) - 1)]) - bars.open, 5


def kept_in_a_builtin(bars: Any) -> Answer:
    return _longest_seen(vars(builtins), bars)


def kept_in_a_default(bars: Any, store: dict[str, Any] = {}) -> Answer:  # noqa: B006
    return _longest_seen(store, bars)


LEAKY = (
    "one_further", "sign_one_further", "close_of_its_exit", "less_the_mean_of_all", "exit_chosen_afterwards",
    "fails_on_less", "kept_in_a_library", "kept_in_a_builtin", "kept_in_a_default",
)  # fmt: skip


def noise(bars: Any) -> Answer:
    return np.random.default_rng().random(len(bars)), 5


def no_pair(bars: Any) -> Any:
    return np.ones(len(bars))


def short(bars: Any) -> Answer:
    return np.ones(len(bars) - 1), 5


def hole(bars: Any) -> Answer:
    return np.where(np.arange(len(bars)) == 7, np.nan, 1.0), 5


def before_the_entry(bars: Any) -> Answer:
    return np.ones(len(bars)), 0


def half_a_bar(bars: Any) -> Answer:
    return np.ones(len(bars)), np.full(len(bars), 1.5)


def never(bars: Any) -> Answer:
    return np.ones(len(bars)), np.full(len(bars), np.nan)


def beyond(bars: Any) -> Answer:
    return np.ones(len(bars)), 8


def words(bars: Any) -> Answer:
    return ["up"] * len(bars), 5


def broken(bars: Any) -> Answer:
    return bars.colour, 5


def changing(bars: Any) -> Answer:
    bars.open[0] = 1.0
    return bars.open, 5


def small_steps(bars: Any) -> Answer:
    """-1, 0, 0.5, 2 in turn, one bar held."""
    return np.resize([-1.0, 0.0, 0.5, 2.0], len(bars)), 1
