"""What a run leaves on the disk, known here alone: its files and their schemas, checkpoints, the trial log."""

__all__ = [
    "catalog", "checkpoints", "integrity", "io", "labels", "manifest", "overview", "removal", "run",
    "saved_backtests", "tables",
    "trial_log",
]  # fmt: skip
