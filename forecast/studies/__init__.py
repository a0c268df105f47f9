"""Experiments about the experiment: power on simulated markets, window ablation, the memory benchmark."""

__all__ = ["memory_benchmark", "memory_tasks", "power_results", "power_study", "window_ablation"]
