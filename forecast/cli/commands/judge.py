"""`forecast judge`: forecasts of any other program, traded on paper, compared and reported like a run's own."""

import shlex
import sys
from functools import reduce
from pathlib import Path
from typing import Any

import click

from forecast.cli import completion
from forecast.cli.context import CliContext, json_option, standalone_option
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
    return reduce(lambda decorated, option: option(decorated), reversed(_READING), command)


@click.command("judge", cls=GroupedOptions)
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...", shell_complete=completion.symbols)
@click.option("--predictions", type=_FILE, help="Forecasts as .parquet or .csv, one row a decision.")
@click.option(
    "--validation",
    type=_FILE,
    help="Earlier forecasts of the same models, on which --threshold auto and the like choose.",
)
@click.option(
    "--predictor",
    "predictors",
    multiple=True,
    metavar="MODULE:FUNCTION",
    help="Instead of a file: a function from the bars up to now to the probability of the next; several by repeating.",
)
@click.option(
    "--portfolio",
    type=click.Choice(["equal", "inverse-volatility"]),
    help="Join the symbols into one account a model, with these shares, rebalanced and paid for.",
)
@_reading_options
@trading_options
@money_options
@standalone_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    symbols: tuple[str, ...],
    predictions: Path | None,
    validation: Path | None,
    predictors: tuple[str, ...],
    portfolio: str | None,
    standalone: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Judge forecasts that another program made of SYMBOL: are they better than nothing, after costs?

    A row dated t is a decision at the close of bar t, filled at the open of bar t + 1, unless --dated-by or
    --decided-at say otherwise. Probabilities, signals (buy, hold, sell or 1, 0, -1) and scores are recognised; several
    models stand in a column model or in a column each, several trainings of one in a column seed, several symbols in a
    column symbol. With --predictor a function of yours is asked instead, and asked again on truncated histories; it
    runs with your rights. Baselines are trained walk-forward on the same rows. What the models learned from cannot be
    checked; the report says so.

    \b
    Examples:
      forecast judge AAPL --predictions mine.csv
      forecast judge AAPL --predictions statsforecast.parquet --dated-by target --trained-until 2019-12-31
      forecast judge AAPL MSFT --predictions signals.csv --policy long-short --portfolio equal
      forecast judge AAPL --predictor my_rules:moving_average
    """
    from forecast.api.judging import judge_all
    from forecast.cli.commands.backtest import backtest_each

    settings: CliContext = ctx.obj
    rules = take_rules(options)
    reading = JudgeConfig(**{name: options.pop(name) for name in settings_of(JudgeConfig)})
    if portfolio and len(symbols) < 2:
        raise click.UsageError(f"Expected two symbols or more for --portfolio, got {', '.join(symbols)}.")
    runs = judge_all(
        predictions,
        [Experiment.from_options({**options, "symbol": symbol}) for symbol in dict.fromkeys(symbols)],
        predictors=predictors,
        validation=validation,
        reading=reading,
        progress=not settings.quiet,
        workspace=settings.workspace,
        command=shlex.join(["forecast", *sys.argv[1:]]),
    )
    backtest_each(settings, runs, rules, portfolio=portfolio, standalone=standalone, as_json=as_json)
