"""Parts of a page that need sentences of their own."""

__all__ = ["effective_memory", "power", "robustness", "tables", "window_ablation"]
