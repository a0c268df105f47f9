"""What can be chosen by name, read without numpy: labels, weights of rows, splits, the session's end."""

LABELS = ("direction", "cost-aware", "triple-barrier", "above-median")
WEIGHTS = ("none", "balanced", "uniqueness")
SPLITS = ("expanding", "rolling")  # walk-forward
OVERNIGHT = ("flat", "hold")
