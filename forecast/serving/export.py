"""Members as files that other programs run: plain Keras and ONNX, scaler and sigmoid inside, each checked on test rows.

What goes in are windows of unscaled features, shape (windows, steps, features), float32, in the order that export.json
names; what comes out is the probability of a rise, shape (windows, 1). The one network of a panel takes windows that
are scaled: each symbol has a scaler of its own, which export.json holds.
"""

import hashlib
import importlib.util
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.compute import backend, network_process
from forecast.config.experiment import Experiment
from forecast.config.model_registry import is_own_network
from forecast.config.run_outputs import ExportConfig
from forecast.runs import integrity
from forecast.runs.checkpoints import Checkpoint, open_member, panel_scalers
from forecast.runs.integrity import open_trained
from forecast.runs.io import read_json, write_json
from forecast.runs.run import Run
from forecast.serving.loader import last_fold
from pipelines import user_code
from pipelines.errors import ConfigError, RunError
from pipelines.files import temporary_folder, write_atomically
from pipelines.market.times import utc
from pipelines.market.types import Bars, Floats
from pipelines.preprocessing import features, windows
from pipelines.preprocessing.scaling import LIMIT
from pipelines.preprocessing.windows import Rows, gather

_DESCRIPTION = "export.json"
_MOST_WINDOWS = 5_000  # of a panel: what they are asked for has to fit into memory

TOLERANCE = 1e-5
_WRITES = "tensorflow"  # whatever trained it: the weights are the same, and it writes both
_WITH_ONNX = ("onnx", "tf2onnx")


@dataclass(frozen=True, kw_only=True)
class ExportedModel:
    """One file. apart: the largest difference of its probabilities from the run's on `rows` test rows; None where there
    is no onnxruntime to check with."""

    model: str
    fold: int
    seed: int
    path: Path
    sha256: str
    rows: int
    apart: float | None


def export(
    run: Run,
    prices: Mapping[str, Bars],
    *,
    config: ExportConfig,
    folder: Path,
    tell: Callable[[str], None],
) -> list[ExportedModel]:
    """Writes `<model>-fold-<k>-seed-<s>.<to>` of a fold (the last one by default), and export.json when all are right.

    prices: the bars of each symbol of the run, with what is joined from others.

    Raises:
        ConfigError: a panel with networks for each symbol, another format, network or fold, or a format whose
            libraries are not installed.
        RunError: damaged files, or a file that gives other probabilities than the run stored.
    """
    if config.format == "onnx" and not all(map(importlib.util.find_spec, _WITH_ONNX)):
        raise ConfigError("ONNX needs libraries that are not installed: pip install 'tick-forecast[onnx]'.")
    opened = open_trained(run)
    described, experiment = opened.described, opened.ongoing
    if experiment.local_models:
        raise ConfigError(
            f"Expected one network for all symbols of a panel to export, got {run.name} with --local-models. Train one "
            "with --global-model, or one of its symbols."
        )
    if not opened.integrity.verified:
        tell(f"Not verified: {opened.integrity.reason}.")
    number = last_fold(described) if config.fold is None else config.fold
    chosen = tuple(config.models) or tuple(experiment.models)
    folds = [int(description["number"]) for description in described["folds"]]
    if number not in folds or set(chosen) - set(experiment.models):
        raise ConfigError(
            f"Expected fold from {folds[0]} to {folds[-1]} and models out of {', '.join(experiment.models)}, "
            f"got {number} and {', '.join(chosen)}."
        )
    tasks = [(model, number, seed) for model in chosen for seed in range(experiment.seeds)]
    checkpoints = [open_member(run, experiment, task, panel=run.is_panel) for task in tasks]
    for diverged in (member for member in checkpoints if member.diverged):
        tell(f"Left out, it diverged in training: {' '.join(map(str, diverged.task))}.")
    files = [member for member in checkpoints if not member.diverged]
    if not files:
        raise RunError(f"Expected a member that learned to export, got {len(checkpoints)} that diverged. Train again.")
    exported = []
    for member in files:
        rows, stored = _test_rows(run, experiment, member, prices)
        model = _write(member, to=config.format, folder=folder, windows=rows, stored=stored)
        exported.append(model)
        equality = (
            "not checked, onnxruntime is not installed"
            if model.apart is None
            else (f"equal to {model.apart:.0e} on {model.rows:,} test windows")
        )
        tell(f"{model.path.name}: {equality}.")
    listed = [*_clean_earlier_files(folder, run, exported), *exported]
    write_json(folder / _DESCRIPTION, _described(run, experiment, listed))
    return exported


def _clean_earlier_files(folder: Path, run: Run, written: Sequence[ExportedModel]) -> list[ExportedModel]:
    """What an earlier export left in the folder: of this run it stays, of another one it is removed.

    Only files that are still as they were written then.
    """
    try:
        described = read_json(folder / _DESCRIPTION) if (folder / _DESCRIPTION).exists() else {"files": []}
        files = [ExportedModel(**{**file, "path": folder / Path(file["path"]).name}) for file in described["files"]]
    except (RunError, KeyError, TypeError):
        return []
    new = {file.path for file in written}
    unchanged = [
        file
        for file in files
        if file.path not in new
        and file.path.is_file()
        and hashlib.sha256(file.path.read_bytes()).hexdigest() == file.sha256
    ]
    if described.get("run") == run.name:
        return unchanged
    for file in unchanged:
        file.path.unlink()
    return []


def _full_network(fitting: Any, member: Checkpoint) -> Any:
    """Unscaled window -> probability, in Keras' own layers: no code of this project is needed to load it."""
    keras, layers = fitting.keras, fitting.keras.layers
    network = fitting.layers.build(member.architecture, seed=0)
    if tuple(network.output_shape) != (None, 1):
        raise ConfigError(f"Expected a network with one answer a window to export, got {member.architecture.model}.")
    fitting.load_into(network, member.weights)
    window = layers.Input((member.architecture.steps, member.architecture.features), name="window")
    scaled = layers.Rescaling(1.0, offset=(-member.scaler.mean).tolist())(window)  # tf2onnx loses Normalization's
    scaled = layers.Rescaling((1.0 / member.scaler.scale).tolist())(scaled)
    scaled = layers.Rescaling(1.0, offset=LIMIT)(scaled)  # from here: held within the limit
    scaled = layers.ReLU(max_value=2 * LIMIT)(scaled)
    scaled = layers.Rescaling(1.0, offset=-LIMIT)(scaled)
    answer = layers.Activation("sigmoid", name="probability")(network(scaled))
    return keras.Model(window, answer, name=f"{_file_name(member.architecture.model)}_of_forecast")


def _write(member: Checkpoint, *, to: str, folder: Path, windows: Any, stored: Floats) -> ExportedModel:
    """Written aside, read back, asked, and only then put in its place."""
    model, fold, seed = member.task
    path = folder / f"{_file_name(model)}-fold-{fold}-seed-{seed}.{to}"
    arguments = (member, path.name, to, windows)
    content, probability = network_process.ask(_file_of, *arguments, architecture=member.architecture, name=_WRITES)
    apart = None if probability is None else float(np.abs(probability - stored).max())
    if apart is not None and not apart <= TOLERANCE:
        raise RunError(
            f"{path.name} gives probabilities that differ from the run's by {apart:.1e} (more than {TOLERANCE:.0e}): "
            "not written. If the store has changed since, train the run again."
        )
    write_atomically(path, content)
    digest = hashlib.sha256(content).hexdigest()
    return ExportedModel(model=model, fold=fold, seed=seed, path=path, sha256=digest, rows=len(stored), apart=apart)


def _file_of(
    library: ModuleType, member: Checkpoint, name: str, to: str, windows: NDArray[np.float32]
) -> tuple[bytes, Floats | None]:
    """A file's bytes, and what it answers."""
    with temporary_folder("export") as aside:
        path = aside / name
        network = _full_network(library, member)
        probability = _probability_of(network, path, windows, to=to, model=member.architecture.model)
        return path.read_bytes(), probability


def _file_name(model: str) -> str:
    """A model's name as files and Keras take it: `module:function` has a colon."""
    return model.replace(":", "--")


def _probability_of(network: Any, path: Path, windows: Any, *, to: str, model: str) -> Floats | None:
    """What the file answers; one line where a person's own network has layers that no file can hold.

    Raises:
        ConfigError: it has.
    """
    try:
        return _KINDS[to](network, path, windows)
    except Exception as error:
        if not is_own_network(model):
            raise
        raise ConfigError(
            f"Expected {model} to be made of Keras' own layers to write it as {to}, got one that cannot be written and "
            f"loaded again ({user_code.one_line(error)}). Leave it out with --model, or build it from keras.layers."
        ) from error


def _as_keras(network: Any, path: Path, windows: Any) -> Floats:
    """Probabilities of the file, loaded again."""
    network.save(path)
    loaded = importlib.import_module("keras").models.load_model(path, safe_mode=True)
    return np.asarray(loaded.predict(windows, verbose=0), dtype=np.float64)[:, 0]


def _as_onnx(network: Any, path: Path, windows: Any) -> Floats | None:
    """The same by onnxruntime, None where that is not installed."""
    with backend.silenced_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx asks for names that numpy 2 no longer has
        network(windows[:1])  # Keras exports a network that has been asked once
        network.export(path, format="onnx", verbose=False)
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    runtime = importlib.import_module("onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: windows})[0], dtype=np.float64)[:, 0]


_KINDS: dict[str, Callable[[Any, Path, Any], Floats | None]] = {"keras": _as_keras, "onnx": _as_onnx}


def _test_rows(
    run: Run, experiment: Experiment, member: Checkpoint, prices: Mapping[str, Bars]
) -> tuple[NDArray[np.float32], Floats]:
    """What the member is asked for the test rows of its fold, and the probabilities that the run stored.

    Of a panel rows at equal distances, so that all symbols are among them.

    Raises:
        RunError: a store that no longer has the bars of those rows.
    """
    model, fold, seed = member.task
    rows = run.predictions()
    rows = rows[(rows["model"] == model) & (rows["fold"] == fold) & (rows["seed"] == seed)]
    scalers = panel_scalers(run, member.task, features=len(experiment.columns)) if run.is_panel else {}
    every = -(-len(rows) // _MOST_WINDOWS) if run.is_panel else 1
    window_parts, stored = [], []
    for symbol, symbol_rows in rows.groupby("symbol", sort=True):
        if (bars := prices.get(str(symbol))) is None:
            continue
        matrix = features.compute(bars, names=experiment.columns).astype(np.float32)
        ends, probability = _ends(symbol_rows.iloc[::every], bars, matrix, steps=experiment.window)
        if len(ends):
            scaler = scalers.get(str(symbol))
            window_parts.append(
                gather(matrix if scaler is None else scaler.apply(matrix), ends, steps=experiment.window)
            )
            stored.append(probability)
    if not window_parts:
        raise RunError(f"The store no longer has the bars of fold {fold} of run {run.name}. Fetch more history.")
    return np.concatenate(window_parts), np.concatenate(stored)


def _ends(rows: pd.DataFrame, prices: Bars, matrix: NDArray[np.float32], *, steps: int) -> tuple[Rows, Floats]:
    """The bars of one symbol at which its rows were decided, as far as the store has them, and their probabilities."""
    decided = utc(rows["decided_at"])
    times, place, count = np.unique(prices.closed_at, return_index=True, return_counts=True)
    at = np.searchsorted(times, decided)
    present = at < len(times)
    present[present] &= (times[at[present]] == decided[present]) & (count[at[present]] == 1)
    ends = place[at[present]]
    with_window = ends >= windows.first_end(matrix, steps=steps)
    return ends[with_window], rows["probability"].to_numpy()[present][with_window]


def _described(run: Run, experiment: Experiment, exported: Sequence[ExportedModel]) -> dict[str, Any]:
    """What a program has to know to ask the files."""
    scaled: dict[str, Any] = {"scaled": False}
    if run.is_panel:
        model, seed = experiment.models[0], 0
        scaled = {
            "scaled": True,
            "scaling": f"(feature - mean) / scale of its symbol in the file's fold, held from -{LIMIT} to {LIMIT}",
            "scalers": {
                str(fold): run.describe_member(model, fold, seed)["scaler"]
                for fold in sorted({file.fold for file in exported})
            },
        }
    return {
        "run": run.name,
        "symbol": experiment.symbol,
        "integrity": integrity.check(run).to_json(),
        "input": {
            "shape": ["windows", experiment.window, len(experiment.columns)],
            "features": list(experiment.columns),
            **scaled,
            "order": "the newest bar last",
        },
        "output": "probability of a rise",
        "files": [{**asdict(model), "path": model.path.name} for model in exported],
    }
