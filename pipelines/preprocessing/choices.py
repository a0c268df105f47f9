"""What can be chosen by name, read without numpy: labels, weights of rows, splits, the session's end."""

LABELS = ("direction", "cost-aware", "triple-barrier", "above-median", "relative")
ACROSS_SYMBOLS = ("above-median", "relative")  # labels that follow from all symbols of a moment
WEIGHTS = ("none", "balanced", "uniqueness")
SPLITS = ("expanding", "rolling")  # walk-forward
OVERNIGHT = ("flat", "hold")
SCALINGS = ("symbol", "panel")
