"""`forecast export`: a run's members as files that other programs run."""

from pathlib import Path
from typing import Any

import click

from forecast.cli import completion
from forecast.cli.context import CliContext, json_option, print_json, records
from forecast.cli.options import option_of
from forecast.config.run_outputs import ExportConfig


@click.command("export")
@click.argument("name", default="latest", metavar="[RUN]", shell_complete=completion.runs_and_symbols)
@option_of(ExportConfig, "format")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for the files  [default: the run's export]"
)
@option_of(ExportConfig, "fold")
@option_of(ExportConfig, "models")
@json_option
@click.pass_obj
def command(settings: CliContext, /, name: str, out: Path | None, as_json: bool, **members: Any) -> None:
    """The members of RUN (the latest when none is named) as plain Keras or ONNX files, scaler and sigmoid inside.

    In: windows of unscaled features, (windows, bars, features); out: the probability of a rise. Every file is asked for
    the test windows of its fold and must give what the run stored. export.json says what the features are.

    \b
    Examples:
      forecast export --out models
      forecast export --to onnx --model lstm --out models
    """
    from forecast.api.arguments import run_of
    from forecast.api.exports import export, export_folder

    run = run_of(name, settings.workspace)
    folder = export_folder(run, out)
    files = export(run, folder=folder, progress=not settings.quiet, workspace=settings.workspace, **members)
    if as_json:
        print_json({"run": run.name, "folder": str(folder), "files": records(files)})
        return
    click.echo(f"{len(files)} files and export.json in {folder}")
