"""Honest experiments with recurrent networks on prices: is an LSTM really better than a plain RNN, and than nothing?

>>> import forecast as fc
>>> fc.Experiment("aapl", models=["gru", "lstm"]).symbol
'AAPL'

Names are imported when they are first used, so that `import forecast` costs nothing.
"""

import sys
from importlib import import_module
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forecast.api.backtests import backtest as backtest
    from forecast.api.frames import add_bars as add_bars
    from forecast.api.frames import add_ticks as add_ticks
    from forecast.api.judging import judge as judge
    from forecast.api.price_files import FileOptions as FileOptions
    from forecast.api.prices import fetch as fetch
    from forecast.api.reports import report as report
    from forecast.api.results import BacktestResult as BacktestResult
    from forecast.api.results import Verdict as Verdict
    from forecast.api.results import VerdictAnswer as VerdictAnswer
    from forecast.api.run_table import open_run as open_run
    from forecast.api.run_table import runs as runs
    from forecast.api.signals import signal as signal
    from forecast.api.training import train as train
    from forecast.compute.progress import Progress as Progress
    from forecast.config.experiment import Experiment as Experiment
    from forecast.config.judging import JudgeConfig as JudgeConfig
    from forecast.config.trading import Costs as Costs
    from forecast.config.trading import TradingConfig as TradingConfig
    from forecast.runs.run import Run as Run
    from forecast.serving.panel_signal import PanelSignal as PanelSignal
    from forecast.serving.signal import RunSignal as RunSignal
    from forecast.workspace import Workspace as Workspace
    from pipelines.errors import ForecastError as ForecastError

_MODULES = {  # public name -> where it is defined
    "BacktestResult": "forecast.api.results",
    "Costs": "forecast.config.trading",
    "Experiment": "forecast.config.experiment",
    "FileOptions": "forecast.api.price_files",
    "ForecastError": "pipelines.errors",
    "JudgeConfig": "forecast.config.judging",
    "PanelSignal": "forecast.serving.panel_signal",
    "Progress": "forecast.compute.progress",
    "Run": "forecast.runs.run",
    "RunSignal": "forecast.serving.signal",
    "TradingConfig": "forecast.config.trading",
    "Verdict": "forecast.api.results",
    "VerdictAnswer": "forecast.api.results",
    "Workspace": "forecast.workspace",
    "add_bars": "forecast.api.frames",
    "add_ticks": "forecast.api.frames",
    "backtest": "forecast.api.backtests",
    "fetch": "forecast.api.prices",
    "judge": "forecast.api.judging",
    "open_run": "forecast.api.run_table",
    "report": "forecast.api.reports",
    "runs": "forecast.api.run_table",
    "signal": "forecast.api.signals",
    "train": "forecast.api.training",
}
_ROOMS = ("report", "runs")  # the public functions that are called like a package beside them

__all__ = [
    "BacktestResult",
    "Costs",
    "Experiment",
    "FileOptions",
    "ForecastError",
    "JudgeConfig",
    "PanelSignal",
    "Progress",
    "Run",
    "RunSignal",
    "TradingConfig",
    "Verdict",
    "VerdictAnswer",
    "Workspace",
    "add_bars",
    "add_ticks",
    "backtest",
    "fetch",
    "judge",
    "open_run",
    "report",
    "runs",
    "signal",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'forecast' has no attribute {name!r}")
    if name in _ROOMS:
        return import_module(f"forecast.{name}")
    globals()[name] = value = _public(name)
    return value


def _public(name: str) -> Any:
    value = getattr(import_module(_MODULES[name]), name)
    return import_module("forecast.api.arguments").in_python(value) if isinstance(value, FunctionType) else value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Forecast(ModuleType):
    """Python binds a package that is imported to its name here: `forecast.runs` is then the package, made callable."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _ROOMS and isinstance(value, ModuleType):
            value.__class__ = _CallableRoom
        super().__setattr__(name, value)


class _CallableRoom(ModuleType):
    """A package that is also the public function of its name."""

    @property
    def __wrapped__(self) -> Any:
        return _public(self.__name__.rpartition(".")[2])

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.__wrapped__(*arguments, **options)


sys.modules[__name__].__class__ = _Forecast
