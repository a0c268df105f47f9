"""`forecast judge`: forecasts of any other program, traded on paper, compared and reported like a run's own."""

import shlex
import sys
from functools import reduce
from pathlib import Path
from typing import Any

import click

from forecast.cli.context import CliContext, json_option, print_json
from forecast.cli.help_groups import GroupedOptions
from forecast.cli.options import money_options, option_of, take_rules, trading_options
from forecast.config.experiment import Experiment
from forecast.config.fields import settings_of
from forecast.config.judging import JUDGED_BASELINES, JudgeConfig

_FILE = click.Path(dir_okay=False, path_type=Path)
_OF_EXPERIMENT = ("interval", "bars", "start", "end", "features", "window", "horizon", "overnight", "folds")
_READING = (
    *(option_of(JudgeConfig, name) for name in settings_of(JudgeConfig)),
    *(option_of(Experiment, name) for name in _OF_EXPERIMENT),
    option_of(Experiment, "baselines", default=JUDGED_BASELINES),
)


def _reading_options(command: Any) -> Any:
    return reduce(lambda made, option: option(made), reversed(_READING), command)


@click.command("judge", cls=GroupedOptions)
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...")
@click.option("--predictions", type=_FILE, required=True, help="Forecasts as .parquet or .csv, one row a decision.")
@click.option(
    "--validation",
    type=_FILE,
    help="Earlier forecasts of the same models, on which --threshold auto and the like choose.",
)
@_reading_options
@trading_options
@money_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    symbols: tuple[str, ...],
    predictions: Path,
    validation: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Judge forecasts that another program made of SYMBOL: are they better than nothing, after costs?

    A row dated t is a decision at the close of bar t, filled at the open of bar t + 1, unless --dated-by or
    --decided-at say otherwise. Probabilities, signals (buy, hold, sell or 1, 0, -1) and scores are recognised; several
    models stand in a column model or in a column each, several trainings of one in a column seed, several symbols in a
    column symbol. Baselines are trained walk-forward on the same rows. What the forecasts' models learned from cannot
    be checked; the report says so.

    \b
    Examples:
      forecast judge AAPL --predictions mine.csv
      forecast judge AAPL --predictions statsforecast.parquet --dated-by target --trained-until 2019-12-31
      forecast judge AAPL MSFT --predictions signals.csv --policy long-short
    """
    from forecast.cli.commands.backtest import evaluate_and_report, write_index
    from forecast.datasets.dataset import load
    from forecast.evaluation.foreign_forecasts import read_file, recognise
    from forecast.evaluation.judged_run import judge
    from pipelines.store.store import Store

    settings: CliContext = ctx.obj
    rules = take_rules(options)
    config = JudgeConfig(**{name: options.pop(name) for name in settings_of(JudgeConfig)})
    forecasts = recognise(read_file(predictions), config=config)
    earlier = None if validation is None else recognise(read_file(validation), config=config)
    experiments = [Experiment.from_options({**options, "symbol": symbol}) for symbol in dict.fromkeys(symbols)]
    store = Store(settings.store)
    sources = [load(store, experiment) for experiment in experiments]
    runs = [
        judge(
            forecasts, source=source, experiment=experiment, config=config, folder=settings.runs,
            command=shlex.join(["forecast", *sys.argv[1:]]), origin={"file": predictions.name}, validation=earlier,
            note=settings.note,
        )
        for source, experiment in zip(sources, experiments, strict=True)
    ]  # fmt: skip
    results = [evaluate_and_report(settings, run, rules, say=not as_json) for run in runs]
    write_index(settings)
    if as_json:
        print_json({"backtests": results})
