"""Options that several commands share, and how an experiment is put together from them and a TOML file."""

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_TRAINING = (
    click.option("--interval", default="1d", show_default=True, help="Interval of the store's bars: 1d, 1h, 5m."),
    click.option("--bars", help="Bars built from ticks instead: tick:500, time:5m."),
    click.option("--window", type=int, default=30, show_default=True, help="Bars that the networks look back."),
    click.option("--horizon", type=int, default=1, show_default=True, help="Bars ahead that are forecast."),
    click.option(
        "--model",
        "models",
        multiple=True,
        default=("simple_rnn", "lstm"),
        show_default=True,
        help="A network; several by repeating.",
    ),
    click.option("--units", type=int, default=32, show_default=True, help="Units of the recurrent cell."),
    click.option("--folds", type=int, default=6, show_default=True, help="Walk-forward test blocks."),
    click.option(
        "--split",
        type=click.Choice(["expanding", "rolling"]),
        default="expanding",
        show_default=True,
        help="Learn from all that came before a block, or from as much as the first block had.",
    ),
    click.option(
        "--embargo", default="0d", show_default=True, help="Time between a label and its test: 5d, 2h, 30min."
    ),
    click.option("--seeds", type=int, default=3, show_default=True, help="Members a network and fold."),
    click.option("--epochs", type=int, default=30, show_default=True, help="Epochs at most."),
    click.option(
        "--patience", type=int, default=5, show_default=True, help="Epochs without a better validation loss; 0: all."
    ),
    click.option("--batch", type=int, default=128, show_default=True, help="Windows a gradient step."),
    click.option("--start", type=click.DateTime(["%Y-%m-%d"]), help="First session used."),
    click.option("--end", type=click.DateTime(["%Y-%m-%d"]), help="Last session used."),
    click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        help="TOML file with any of these settings (and learning_rate, features); the command line wins.",
    ),
    click.option("--jobs", type=int, help="Worker processes  [default: as many as cores]"),
    click.option(
        "--backend",
        type=click.Choice(["tensorflow", "jax", "auto"]),
        default="tensorflow",
        show_default=True,
        help="Network library; auto: the fastest one installed.",
    ),
    click.option("--cluster", metavar="ADDRESS", help="Dask scheduler (tcp://host:8786), or local to start one."),
    click.option("--fresh", is_flag=True, help="Train anew even if this very run is finished."),
)

_TRADING = (
    click.option(
        "--policy",
        type=click.Choice(["long-flat", "long-short"]),
        default="long-flat",
        show_default=True,
        help="What a sell signal means: out of the market, or short.",
    ),
    click.option("--band", type=float, default=0.0, show_default=True, help="Hold while |probability - 0.5| <= band."),
    click.option("--fee-bps", type=float, default=1.0, show_default=True, help="Fee a trade, in basis points."),
    click.option("--slippage-bps", type=float, default=2.0, show_default=True, help="Slippage a trade, likewise."),
)


def training_options(command: Command) -> Command:
    """The options that say what to train; `make_experiment` reads them."""
    return reduce(lambda made, option: option(made), reversed(_TRAINING), command)


def trading_options(command: Command) -> Command:
    """The options that say how to trade; `make_rules` reads them."""
    return reduce(lambda made, option: option(made), reversed(_TRADING), command)


def make_experiment(ctx: click.Context, symbol: str, options: dict[str, Any], **more: Any) -> Any:
    """The Experiment of this command line: what was typed, then the TOML file, then the defaults."""
    from forecast.experiment import Experiment, read_config

    values = {**options, **more, "symbol": symbol}
    config = values.pop("config", None)
    if config is not None:
        typed = {
            name for name in options if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        } | {"symbol"}
        settings = read_config(config)
        values |= {name: value for name, value in settings.items() if name not in typed}
    for name in ("start", "end"):
        if hasattr(values[name], "date"):
            values[name] = values[name].date()
    return Experiment.from_options(values)


def make_rules(*, policy: str, band: float, fee_bps: float, slippage_bps: float) -> Any:
    """The Rules of this command line."""
    from forecast.backtest import Costs
    from forecast.evaluation import Rules

    return Rules(policy=policy, band=band, costs=Costs(fee_bps=fee_bps, slippage_bps=slippage_bps))


def how(*, jobs: int | None, backend: str, cluster: str | None) -> dict[str, Any]:
    """Where members are trained, checked: none of it changes what a run is, except the backend."""
    return {"jobs": jobs_or_cores(jobs), "backend": backend, "cluster": cluster}


def jobs_or_cores(jobs: int | None) -> int:
    """The number of worker processes, checked; a line on stderr where they would wait for each other."""
    from forecast.workers import cores

    if jobs is None:
        return cores()
    if jobs < 1:
        raise click.UsageError(f"Need --jobs of 1 or more, got {jobs}.")
    if jobs > cores():
        click.echo(f"{jobs} jobs share {cores()} cores: --jobs {cores()} is as fast and takes less memory.", err=True)
    return jobs
