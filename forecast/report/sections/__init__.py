"""Parts of a page that need sentences of their own."""

__all__ = [
    "effective_memory",
    "families",
    "notes",
    "panel",
    "power",
    "robustness",
    "run_comparison",
    "tables",
    "verdict",
    "window_ablation",
]
