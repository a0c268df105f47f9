"""`forecast export`: a run's members as files that other programs run."""

from pathlib import Path
from typing import Any

import click

from forecast.cli import completion
from forecast.cli.context import CliContext, json_option, print_json, records
from forecast.cli.options import option_of
from forecast.cli.text import say
from forecast.config.run_outputs import MLFLOW, ExportConfig
from pipelines.errors import counted


@click.command("export")
@click.argument("name", default="latest", metavar="[RUN]", shell_complete=completion.runs_and_symbols)
@option_of(ExportConfig, "format")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the files  [default: the run's export; of mlflow: mlflow beside the runs]",
)
@option_of(ExportConfig, "fold")
@option_of(ExportConfig, "models")
@json_option
@click.pass_obj
def command(settings: CliContext, /, name: str, out: Path | None, as_json: bool, **members: Any) -> None:
    """The members of RUN (the latest when none is named) as plain Keras or ONNX files, scaler and sigmoid inside; or,
    --to mlflow, the run itself: its settings, numbers and learning curves, report and predictions.

    In: windows of unscaled features, (windows, bars, features); out: the probability of a rise. Every file is asked for
    the test windows of its fold and must give what the run stored. export.json says what the features are. Those
    of a panel take windows that are scaled by the scaler of their symbol, which export.json has.

    \b
    Examples:
      forecast export --out models
      forecast export --to onnx --model lstm --out models
      forecast export AAPL --to mlflow
    """
    from forecast.api.arguments import run_of
    from forecast.api.exports import export, export_folder

    run = run_of(name, settings.workspace)
    if members["format"] == MLFLOW:
        _to_mlflow(settings, run, ExportConfig(**members), out=out, as_json=as_json)
        return
    folder = export_folder(run, out)
    files = export(run, folder=folder, progress=not settings.quiet, workspace=settings.workspace, **members)
    if as_json:
        print_json({"run": run.name, "folder": str(folder), "files": records(files)})
        return
    say(f"{counted(len(files), 'file')} and export.json in {folder}")


def _to_mlflow(settings: CliContext, run: Any, config: ExportConfig, *, out: Path | None, as_json: bool) -> None:
    from forecast.serving.mlflow_export import export_to_mlflow

    if config.models or config.fold is not None:
        raise click.UsageError("--model and --fold go with --to keras and onnx; mlflow gets the whole run.")
    page = settings.workspace.page(run.name)
    written = export_to_mlflow(run, folder=out or settings.data_dir / "mlflow", page=page if page.is_file() else None)
    if as_json:
        print_json({"run": run.name, **vars(written)})
        return
    if not written.page:
        settings.note(f"Without its report, which is not written yet: forecast report {run.name}")
    say(
        f"{run.name} is run {written.run_id} of experiment {written.experiment}: {written.parameters} parameters, "
        f"{written.metrics} metrics. See it: mlflow ui --backend-store-uri {written.tracking}"
    )
