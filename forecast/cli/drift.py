"""Drift of live signals in a sentence."""

from typing import TYPE_CHECKING

from forecast.report import formatting

if TYPE_CHECKING:
    from forecast.serving.paper_record import PaperRecord


def drift_sentence(record: "PaperRecord") -> str:
    """What fired, and the numbers behind it."""
    rate, expected = formatting.percent(record.drift.hit_rate or 0.0), formatting.percent(record.expected.hit_rate)
    gap, expected_gap = formatting.number(record.drift.gap or 0.0, 3), formatting.number(record.expected.gap, 3)
    return (
        f"{record.symbol}: drift since {str(record.drifted_on)[:10]}. Of {record.drift.observations} signals {rate} "
        f"were right, in the backtest {expected}; mean outcome less probability {gap}, in the backtest {expected_gap} "
        f"(evidence {formatting.count(record.drift.evidence)}, 20 is significant). "
        f"Train it again, or: forecast live remove {record.run}."
    )
