"""One module a command of `forecast`; each is imported when its command is called."""

__all__ = ["backtest", "data", "demo", "doctor", "export", "fetch", "inspect", "power", "report", "signal", "train"]
