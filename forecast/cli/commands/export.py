"""`forecast export`: a run's members as files that other programs run."""

from pathlib import Path
from typing import Any

import click

from forecast.cli.context import CliContext, json_option, print_json
from forecast.cli.options import option_of
from forecast.config.run_outputs import ExportConfig


@click.command("export")
@click.argument("name", default="latest", metavar="[RUN]")
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
    from forecast.runs.catalog import open_run
    from forecast.serving.export import export
    from forecast.serving.loader import open_experiment, source_now
    from pipelines.store.store import Store

    run = open_run(settings.runs, name)
    folder = out or run.folder / "export"
    source = source_now(run, open_experiment(run)[1], Store(settings.store))
    exported = export(run, source, config=ExportConfig(**members), folder=folder, tell=settings.note)
    if as_json:
        files: list[dict[str, Any]] = [{**vars(file), "path": str(file.path)} for file in exported]
        print_json({"run": run.name, "folder": str(folder), "files": files})
        return
    click.echo(f"{len(exported)} files and export.json in {folder}")
