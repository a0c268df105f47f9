"""Parts of a page that need sentences of their own."""

__all__ = [
    "effective_memory",
    "families",
    "judged",
    "notes",
    "panel",
    "power",
    "returns",
    "robustness",
    "run_comparison",
    "sensitivity",
    "tables",
    "trades",
    "verdict",
    "window_ablation",
]
