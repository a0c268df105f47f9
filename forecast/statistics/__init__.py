"""Pure functions from returns and predictions to numbers: metrics, tests, intervals, power, the verdict's rule."""

__all__ = [
    "capacity",
    "comparisons",
    "cpcv",
    "cross_section",
    "drift",
    "families",
    "forecast_accuracy",
    "inference",
    "multiple_testing",
    "performance",
    "periods",
    "risk",
    "summary",
    "tried_returns",
    "verdict",
]
