"""The `forecast` command: global options and the table of commands, each imported only when it is called."""

from importlib import import_module
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from forecast.cli.config_files import configured
from forecast.cli.context import CliContext
from forecast.cli.suggestions import SuggestingGroup
from forecast.workspace import DATA_DIR, REPORTS_DIR, STORE, Workspace

_COMMANDS = {  # name -> (module, line in --help), so that --help imports none of them
    "demo": ("forecast.cli.commands.demo", "Train, backtest and report on the sample that ships with forecast."),
    "fetch": ("forecast.cli.commands.fetch", "Bring prices into the store: the sample, CSV files or Yahoo."),
    "data": ("forecast.cli.commands.data", "List, show and check the prices in the store."),
    "train": ("forecast.cli.commands.train", "Train the networks walk-forward on one symbol."),
    "backtest": ("forecast.cli.commands.backtest", "Trade a run's predictions on paper, costs paid."),
    "judge": ("forecast.cli.commands.judge", "Is a forecaster of your own better than nothing? Its forecasts, judged."),
    "signal": ("forecast.cli.commands.signal", "Today's signal: buy, hold or sell."),
    "inspect": (
        "forecast.cli.commands.inspect",
        "What the networks remember: gradients, gates, what the signal depends on.",
    ),
    "power": ("forecast.cli.commands.power", "Size and power of your experiment on simulated markets."),
    "runs": ("forecast.cli.commands.runs", "List, compare, label and remove runs."),
    "live": ("forecast.cli.commands.live", "The runs whose signals are traded, and the record of those signals."),
    "export": ("forecast.cli.commands.export", "The networks as Keras or ONNX files for other programs."),
    "report": ("forecast.cli.commands.report", "Write the HTML report of a run."),
    "config": ("forecast.cli.commands.config", "Settings of all commands in one file: which, and whether it is right."),
    "doctor": (
        "forecast.cli.commands.doctor",
        "Versions, backend, threads and store: what is here, what is missing.",
    ),
}
_FORMER_NAMES = {"calibrate": "power"}


class LazyCommands(SuggestingGroup):
    """A group that knows its commands' names and one-line helps without importing them."""

    former_names = _FORMER_NAMES

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        cmd_name = _FORMER_NAMES.get(cmd_name, cmd_name)
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(_COMMANDS[cmd_name][0]).command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        commands = [
            CompletionItem(name, help=text) for name, (_, text) in _COMMANDS.items() if name.startswith(incomplete)
        ]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: Workspace.default().data_dir,
    envvar=DATA_DIR,
    show_default="that of forecast.toml or of your own file, else data",
    show_envvar=True,
    help="Where the price store and the runs are kept.",
)
@click.option(
    "--reports-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: Workspace.default().reports_dir,
    envvar=REPORTS_DIR,
    show_default="that of forecast.toml or of your own file, else reports",
    show_envvar=True,
    help="Where the HTML reports are written.",
)
@click.option(
    "--store",
    metavar="FOLDER|s3://BUCKET/PREFIX",
    envvar=STORE,
    show_envvar=True,
    help="Where the price store is kept, if not below --data-dir.",
)
@click.option("--quiet", is_flag=True, help="No progress and no notes on stderr.")
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
@click.version_option(package_name="tick-forecast", prog_name="forecast")
@click.pass_context
def cli(ctx: click.Context, data_dir: Path, reports_dir: Path, store: str | None, quiet: bool, debug: bool) -> None:
    """Would a recurrent network have told you when to buy and sell, and can you believe it?

    \b
    Examples:
      forecast demo
      forecast fetch AAPL --source yahoo && forecast train AAPL && forecast backtest
    """
    chosen = click.core.ParameterSource.DEFAULT is not ctx.get_parameter_source("data_dir")
    beside = None if chosen else Workspace.default().store  # the store of the data folder that was chosen
    workspace = Workspace(data_dir=data_dir, reports_dir=reports_dir, store=store or beside)
    workspace.remove_litter()
    name = str(ctx.invoked_subcommand)
    group = ctx.command
    command = group.get_command(ctx, name) if isinstance(group, click.Group) and name != "config" else None
    if command is not None and (values := configured(command, name, commands=_COMMANDS)):
        ctx.default_map = {command.name or name: values, name: values}
    ctx.obj = CliContext(workspace=workspace, quiet=quiet, debug=debug)
