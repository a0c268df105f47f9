"""Runs -> files that other programs run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from forecast.api.arguments import RunName, run_of, workspace_of
from forecast.api.progress import ShowProgress, progress_display
from forecast.runs.run import Run
from forecast.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd


def export(
    run: RunName = "latest",
    *,
    format: Literal["keras", "onnx"] = "keras",
    folder: Path | str | None = None,
    fold: int | None = None,
    models: Sequence[str] = (),
    progress: ShowProgress = True,
    workspace: Workspace | None = None,
) -> "pd.DataFrame":
    """Write a run's members as plain Keras or ONNX files, scaler and sigmoid inside.

    In go windows of unscaled features, (windows, bars, features), out comes the probability of a rise; those of a panel
    take windows that are scaled by the symbols' scalers, which export.json has. Each file is
    asked for the test windows of its fold and must give what the run stored; export.json says what the features are.

    Parameters
    ----------
    run
        What `train` returned, a run's name, a symbol (its newest finished run), or "latest".
    format
        "keras", or "onnx" (``pip install tick-forecast[onnx]``).
    folder
        For the files; None: that of the run.
    fold
        Whose members are written; None: the last one.
    models
        Which networks; all where none is named.
    progress
        True: notes on stderr. False: nothing. Or an object of your own, see `Progress`.
    workspace
        Where prices and runs lie; None: `Workspace.default`.

    Returns
    -------
    pandas.DataFrame
        One row a file: model, fold, seed, path, sha256, the rows it was asked for, and how far its probabilities are
        apart from the run's at most (NaN where no onnxruntime is installed to ask it).

    Raises
    ------
    ForecastError
        No such run, network or fold, or a file that gives other probabilities than the run stored.

    Examples
    --------
    >>> import forecast as fc
    >>> files = fc.export("AAPL", models=["lstm"], progress=False)
    >>> files[["model", "fold", "seed"]].to_dict("records"), bool((files["apart"] < 1e-5).all())
    ([{'model': 'lstm', 'fold': 1, 'seed': 0}], True)
    """
    import pandas as pd

    from forecast.config.run_outputs import ExportConfig
    from forecast.serving.export import export as write_members
    from forecast.serving.panel_signal import stored_bars
    from pipelines.store.store import Store

    config = ExportConfig(format=format, fold=fold, models=models)
    place = workspace_of(workspace)
    chosen = run_of(run, place)
    with progress_display(progress) as display:
        prices = stored_bars(chosen, Store(place.store))
        files = write_members(chosen, prices, config=config, folder=export_folder(chosen, folder), tell=display.note)
    return pd.DataFrame([vars(file) for file in files])


def export_folder(run: Run, folder: Path | str | None) -> Path:
    """Where the files of a run are written."""
    return run.folder / "export" if folder is None else Path(folder)
