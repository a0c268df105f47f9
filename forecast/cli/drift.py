"""Drift of live signals in a sentence."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forecast.serving.paper_record import PaperRecord


def drift_sentence(found: "PaperRecord") -> str:
    """What fired, and the numbers behind it."""
    rate = found.drift.hit_rate or 0.0
    return (
        f"{found.symbol}: drift since {str(found.drifted_on)[:10]}. Of {found.drift.observations} signals "
        f"{rate:.1%} were right, in the backtest {found.expected.hit_rate:.1%}; mean outcome less probability "
        f"{found.drift.gap or 0.0:+.3f}, in the backtest {found.expected.gap:+.3f} (evidence "
        f"{found.drift.evidence:,.0f}, 20 is significant). Train it again, or: forecast live remove {found.run}."
    )
