"""Everything after the windows: networks, signals, backtest, verdict, report, commands."""
