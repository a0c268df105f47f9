"""Drift of live signals in a sentence."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forecast.serving.paper_record import PaperRecord


def drift_sentence(record: "PaperRecord") -> str:
    """What fired, and the numbers behind it."""
    rate = record.drift.hit_rate or 0.0
    return (
        f"{record.symbol}: drift since {str(record.drifted_on)[:10]}. Of {record.drift.observations} signals "
        f"{rate:.1%} were right, in the backtest {record.expected.hit_rate:.1%}; mean outcome less probability "
        f"{record.drift.gap or 0.0:+.3f}, in the backtest {record.expected.gap:+.3f} (evidence "
        f"{record.drift.evidence:,.0f}, 20 is significant). Train it again, or: forecast live remove {record.run}."
    )
