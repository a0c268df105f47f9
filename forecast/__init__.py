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
    from forecast.api.arguments import Run as Run
    from forecast.api.backtests import backtest as backtest
    from forecast.api.comparisons import ComparisonResult as ComparisonResult
    from forecast.api.comparisons import compare as compare
    from forecast.api.exports import export as export
    from forecast.api.families import BacktestFamily as BacktestFamily
    from forecast.api.frames import add_bars as add_bars
    from forecast.api.frames import add_ticks as add_ticks
    from forecast.api.inspections import InspectionResult as InspectionResult
    from forecast.api.inspections import inspect as inspect
    from forecast.api.inspections import memory_benchmark as memory_benchmark
    from forecast.api.inspections import window_ablation as window_ablation
    from forecast.api.judging import judge as judge
    from forecast.api.portfolios import PortfolioResult as PortfolioResult
    from forecast.api.portfolios import portfolio as portfolio
    from forecast.api.power_studies import PowerResult as PowerResult
    from forecast.api.power_studies import power as power
    from forecast.api.price_files import FileOptions as FileOptions
    from forecast.api.prices import fetch as fetch
    from forecast.api.progress import Progress as Progress
    from forecast.api.reports import report as report
    from forecast.api.results import BacktestResult as BacktestResult
    from forecast.api.results import Verdict as Verdict
    from forecast.api.results import VerdictAnswer as VerdictAnswer
    from forecast.api.run_table import open_run as open_run
    from forecast.api.run_table import runs as runs
    from forecast.api.signals import SignalResult as SignalResult
    from forecast.api.signals import signal as signal
    from forecast.api.stored_prices import actions as actions
    from forecast.api.stored_prices import catalogue as catalogue
    from forecast.api.stored_prices import check_prices as check_prices
    from forecast.api.stored_prices import compact_prices as compact_prices
    from forecast.api.stored_prices import prices as prices
    from forecast.api.stored_prices import remove_prices as remove_prices
    from forecast.api.stored_prices import repair_prices as repair_prices
    from forecast.api.stored_prices import restore_prices as restore_prices
    from forecast.api.training import train as train
    from forecast.config.experiment import Experiment as Experiment
    from forecast.config.judging import JudgeConfig as JudgeConfig
    from forecast.config.power_study import PowerStudyConfig as PowerStudyConfig
    from forecast.config.trading import Costs as Costs
    from forecast.config.trading import TradingConfig as TradingConfig
    from forecast.workspace import Workspace as Workspace
    from pipelines.errors import ForecastError as ForecastError

_MODULES = {  # public name -> where it is defined
    "BacktestFamily": "forecast.api.families",
    "BacktestResult": "forecast.api.results",
    "ComparisonResult": "forecast.api.comparisons",
    "Costs": "forecast.config.trading",
    "Experiment": "forecast.config.experiment",
    "FileOptions": "forecast.api.price_files",
    "ForecastError": "pipelines.errors",
    "InspectionResult": "forecast.api.inspections",
    "JudgeConfig": "forecast.config.judging",
    "PortfolioResult": "forecast.api.portfolios",
    "PowerResult": "forecast.api.power_studies",
    "PowerStudyConfig": "forecast.config.power_study",
    "Progress": "forecast.api.progress",
    "Run": "forecast.api.arguments",
    "SignalResult": "forecast.api.signals",
    "TradingConfig": "forecast.config.trading",
    "Verdict": "forecast.api.results",
    "VerdictAnswer": "forecast.api.results",
    "Workspace": "forecast.workspace",
    "actions": "forecast.api.stored_prices",
    "add_bars": "forecast.api.frames",
    "add_ticks": "forecast.api.frames",
    "backtest": "forecast.api.backtests",
    "catalogue": "forecast.api.stored_prices",
    "check_prices": "forecast.api.stored_prices",
    "compact_prices": "forecast.api.stored_prices",
    "compare": "forecast.api.comparisons",
    "export": "forecast.api.exports",
    "fetch": "forecast.api.prices",
    "inspect": "forecast.api.inspections",
    "judge": "forecast.api.judging",
    "memory_benchmark": "forecast.api.inspections",
    "open_run": "forecast.api.run_table",
    "portfolio": "forecast.api.portfolios",
    "power": "forecast.api.power_studies",
    "prices": "forecast.api.stored_prices",
    "remove_prices": "forecast.api.stored_prices",
    "repair_prices": "forecast.api.stored_prices",
    "report": "forecast.api.reports",
    "restore_prices": "forecast.api.stored_prices",
    "runs": "forecast.api.run_table",
    "signal": "forecast.api.signals",
    "train": "forecast.api.training",
    "window_ablation": "forecast.api.inspections",
}
_ROOMS = ("report", "runs")  # the public functions that are called like a package beside them

__all__ = [
    "BacktestFamily",
    "BacktestResult",
    "ComparisonResult",
    "Costs",
    "Experiment",
    "FileOptions",
    "ForecastError",
    "InspectionResult",
    "JudgeConfig",
    "PortfolioResult",
    "PowerResult",
    "PowerStudyConfig",
    "Progress",
    "Run",
    "SignalResult",
    "TradingConfig",
    "Verdict",
    "VerdictAnswer",
    "Workspace",
    "actions",
    "add_bars",
    "add_ticks",
    "backtest",
    "catalogue",
    "check_prices",
    "compact_prices",
    "compare",
    "export",
    "fetch",
    "inspect",
    "judge",
    "memory_benchmark",
    "open_run",
    "portfolio",
    "power",
    "prices",
    "remove_prices",
    "repair_prices",
    "report",
    "restore_prices",
    "runs",
    "signal",
    "train",
    "window_ablation",
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
