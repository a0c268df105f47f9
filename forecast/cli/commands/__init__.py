"""One module a command of `forecast`; each is imported when its command is called."""

__all__ = ["backtest", "calibrate", "data", "demo", "doctor", "export", "fetch", "inspect", "report", "signal", "train"]
