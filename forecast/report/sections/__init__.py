"""Parts of a page that need sentences of their own."""

__all__ = ["effective_memory", "families", "notes", "power", "robustness", "tables", "verdict", "window_ablation"]
