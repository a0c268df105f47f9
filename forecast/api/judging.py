"""Forecasts that another program made -> judged runs."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from forecast.api.arguments import check_type, symbols_of, texts_of, workspace_of
from forecast.api.progress import ShowProgress, progress_display
from forecast.api.results import BacktestResult
from forecast.config.experiment import Experiment
from forecast.config.judging import JUDGED_BASELINES, JudgeConfig
from forecast.config.trading import TradingConfig
from forecast.runs.run import Run
from forecast.workspace import Workspace
from pipelines.errors import ConfigError, in_one_line

if TYPE_CHECKING:
    import pandas as pd

    from forecast.api.families import BacktestFamily
    from forecast.datasets.dataset import Source
    from forecast.evaluation.judging.foreign_forecasts import ForeignForecasts

Forecasts: TypeAlias = "pd.DataFrame | Path | str"
"""A frame, or a .csv or .parquet file."""

Prices: TypeAlias = "pd.DataFrame | Mapping[str, pd.DataFrame]"
"""A frame of bars, or one of each symbol."""

_EXAMPLE = 'forecast.judge(frame, "AAPL")'


@overload
def judge(
    predictions: "Forecasts | None",
    symbol: str | Experiment,
    *,
    predictor: str | Sequence[str] = (),
    validation: "Forecasts | None" = None,
    bars: "Prices | None" = None,
    calendar: str | None = None,
    reading: JudgeConfig | None = None,
    trading: TradingConfig | None = None,
    progress: ShowProgress = True,
    workspace: Workspace | None = None,
) -> BacktestResult: ...


@overload
def judge(
    predictions: "Forecasts | None",
    symbol: list[str] | list[Experiment] | tuple[str | Experiment, ...],
    *,
    predictor: str | Sequence[str] = (),
    validation: "Forecasts | None" = None,
    bars: "Prices | None" = None,
    calendar: str | None = None,
    reading: JudgeConfig | None = None,
    trading: TradingConfig | None = None,
    progress: ShowProgress = True,
    workspace: Workspace | None = None,
) -> "BacktestFamily": ...


def judge(
    predictions: "Forecasts | None",
    symbol: str | Experiment | list[str] | list[Experiment] | tuple[str | Experiment, ...],
    *,
    predictor: str | Sequence[str] = (),
    validation: "Forecasts | None" = None,
    bars: "Prices | None" = None,
    calendar: str | None = None,
    reading: JudgeConfig | None = None,
    trading: TradingConfig | None = None,
    progress: ShowProgress = True,
    workspace: Workspace | None = None,
) -> "BacktestResult | BacktestFamily":
    """Judge forecasts that another program made: are they better than nothing, after costs?

    They are traded and compared as a run's own: the same fills, costs, benchmarks, verdict and report, and baselines
    trained walk-forward on the same rows. A row dated t is a decision at the close of bar t, filled at the open of bar
    t + 1, unless `reading` says otherwise. What a model learned from cannot be checked; the report says so.

    Parameters
    ----------
    predictions
        One row a decision: a date or time, and a probability, a signal or a score; or a column a model. Columns
        model, seed, fold and symbol are known. None where a predictor is asked instead.
    symbol
        Whose bars they are about; or an `Experiment`, of which the bars, the horizon, the folds, and what the baselines
        learn from are taken; or a list of these, for forecasts with a column symbol.
    predictor
        Instead of predictions: "module:function", which is given a DataFrame of all bars up to a decision and returns
        the probability of a rise of the next. It runs with your rights, and is asked again on truncated histories.
    validation
        Earlier forecasts of the same models, on which thresholds and calibration are chosen.
    bars
        The prices, as `add_bars` takes them, of several symbols a frame each by symbol; None: those of the store.
    calendar
        The exchange's calendar of `bars`; None: "XNYS". "24/7" for what is always traded.
    reading
        What the values are and what a row's time names; None: as the columns say.
    trading
        The rules and the costs; None: ``TradingConfig()``.
    progress
        True: notes on stderr. False: nothing. Or an object of your own, see `Progress`.
    workspace
        Where prices, runs and reports lie; None: `Workspace.default`.

    Returns
    -------
    BacktestResult
        Of one symbol: the verdict and the tables behind it; its run can be backtested and reported as any other.
    BacktestFamily
        Of a list of symbols: one such result each, and what is left of their claims when they are tested together.

    Raises
    ------
    ForecastError
        Forecasts that cannot be of these bars, that could be read in two ways, or that look ahead; nothing is written.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import forecast as fc
    >>> days = pd.bdate_range("2003-01-06", "2003-01-16")
    >>> mine = pd.DataFrame({"date": days, "probability": np.linspace(0.4, 0.6, len(days))})
    >>> result = fc.judge(mine, "AAPL", progress=False)
    >>> result.run.describe()["kind"], result.verdict.skill.answer
    ('judged', 'inconclusive')
    """
    from forecast.api.backtests import backtest, rules_of
    from forecast.api.families import BacktestFamily

    several = isinstance(symbol, list | tuple)
    symbols: Sequence[Any] = symbol if isinstance(symbol, list | tuple) else [symbol]
    rules = rules_of(trading)
    runs = judge_all(
        predictions,
        [
            Experiment(name, baselines=JUDGED_BASELINES)
            if isinstance(name, str)
            else check_type(name, Experiment, name="symbol", example=f"{_EXAMPLE[:-1]})")
            for name in symbols
        ],
        predictors=texts_of(predictor, name="predictor", example='predictor="my_rules:rule"'),
        validation=validation,
        bars=bars,
        calendar=calendar,
        reading=reading,
        progress=progress,
        workspace=workspace,
    )
    results = [backtest(run, rules, workspace=workspace) for run in runs]
    return BacktestFamily(results=tuple(results)) if several else results[0]


def judge_all(
    predictions: "Forecasts | None",
    experiments: Sequence[Experiment],
    *,
    predictors: Sequence[str] = (),
    validation: "Forecasts | None" = None,
    bars: "Prices | None" = None,
    calendar: str | None = None,
    reading: JudgeConfig | None = None,
    progress: ShowProgress = True,
    workspace: Workspace | None = None,
    command: str = "",
) -> list[Run]:
    """The judged run of each symbol, not backtested yet. Parameters as `judge` has them.

    command: what gives these runs again, as a person would type it.
    """
    from forecast.evaluation.judging.judged_run import ask_predictors
    from forecast.evaluation.judging.judged_run import judge as judge_symbol

    if (predictions is None) == (not predictors):
        raise ConfigError(
            f"Expected predictions or a --predictor, got {'neither' if predictions is None else 'both'}. Give one: "
            f"{_EXAMPLE}."
        )
    place = workspace_of(workspace)
    config = JudgeConfig() if reading is None else reading
    check_type(config, JudgeConfig, name="reading", example='JudgeConfig(dated_by="target")')
    symbols_of([experiment.symbol for experiment in experiments])
    runs = []
    with progress_display(progress) as display:
        _announce(predictors, "Predictor", display.note)
        _announce([name for experiment in experiments for name in experiment.baselines], "Baseline", display.note)
        forecasts, origin = (None, {}) if predictions is None else _forecasts(predictions, config)
        earlier = None if validation is None else _forecasts(validation, config)[0]
        frames = _bars_of(bars, experiments, calendar=calendar)
        sources = [
            _source(experiment, frames.get(experiment.symbol), place, calendar=calendar) for experiment in experiments
        ]
        for experiment, source in zip(experiments, sources, strict=True):
            about: dict[str, Any] = {
                "source": source, "experiment": experiment, "folder": place.runs, "command": command, "origin": origin,
                "validation": earlier, "note": display.note,
            }  # fmt: skip
            if forecasts is not None:
                runs.append(judge_symbol(forecasts, config=config, **about))
                continue
            predicted, read, answers = ask_predictors(predictors, source=source, experiment=experiment, config=config)
            runs.append(judge_symbol(predicted, config=read, predictors=answers, **about))
    return runs


def _forecasts(judged: "Forecasts", config: JudgeConfig) -> "tuple[ForeignForecasts, dict[str, Any]]":
    """What a frame or file holds, and where it came from."""
    from forecast.evaluation.judging.foreign_forecasts import read_file, recognise

    if not isinstance(judged, str | Path):
        return recognise(judged, config=config), {"source": "a DataFrame"}
    path = Path(judged)
    forecasts = recognise(read_file(path), config=config)
    return forecasts, {"source": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _bars_of(
    bars: "Prices | None", experiments: Sequence[Experiment], *, calendar: str | None
) -> "Mapping[str, pd.DataFrame]":
    """The frame of prices of each symbol; empty where they are those of the store."""
    symbols = [experiment.symbol for experiment in experiments]
    if bars is None:
        if calendar is not None:
            raise ConfigError(
                f"Expected calendar with bars, got {in_one_line(calendar)} without: the store has that of its "
                "prices. Leave it out, or give bars=frame."
            )
        return {}
    if not isinstance(bars, Mapping):
        if len(symbols) > 1:
            raise ConfigError(
                f"Expected a frame of bars for each of {', '.join(symbols[:5])}, got one {type(bars).__name__}. Give "
                "them by symbol: bars={symbol: frame, ...}."
            )
        return {symbols[0]: bars}
    frames = {str(symbol).strip().upper(): frame for symbol, frame in bars.items()}
    if missing := [symbol for symbol in symbols if symbol not in frames]:
        raise ConfigError(f"Expected a frame of bars for each symbol, got none of {', '.join(missing[:5])}. Add it.")
    return frames


def _source(experiment: Experiment, bars: "pd.DataFrame | None", place: Workspace, *, calendar: str | None) -> "Source":
    """The symbol's prices: those of a frame, or of the store."""
    from forecast.datasets.dataset import Source, load
    from pipelines.store.store import Store

    if bars is None:
        return load(Store(place.store), experiment)
    import numpy as np

    from forecast.api.frames import read_frame
    from forecast.config.prices import FetchConfig
    from pipelines.market.calendars import session_of
    from pipelines.market.types import Actions, Bars

    request = FetchConfig(source="csv", interval=experiment.interval, calendar=calendar)
    delivery = read_frame(experiment.symbol, bars, request, {})
    if not isinstance(delivery.prices, Bars):
        raise ConfigError("Expected bars as a frame with open, high, low and close, got trades. Aggregate them first.")
    days = session_of(delivery.prices.closed_at, delivery.prices.calendar)
    first, last = np.datetime64(experiment.start or days[0], "D"), np.datetime64(experiment.end or days[-1], "D")
    prices = delivery.prices.rows((days >= first) & (days <= last))
    return Source(raw=prices, actions=delivery.actions or Actions.none(experiment.symbol))


def _announce(names: Sequence[str], kind: str, note: Any) -> None:
    """Says that a person's own are code, before any of it runs."""
    from pipelines import user_code

    for name in names if kind == "Predictor" else ():
        if not user_code.is_user_code(name):
            raise ConfigError(
                f"Expected a predictor as module:function, got {in_one_line(name)}. Name it like my_rules:rule."
            )
    for name, file in user_code.files(names, what=kind).items():
        note(f"{kind} {name} is code: {file} runs with your rights. Use files that you trust.")
