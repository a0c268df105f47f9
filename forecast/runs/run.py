"""A run's folder, `data/runs/<run-id>/`: the only code that reads or writes it."""

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from forecast.config.model_registry import JUDGED
from forecast.runs import schemas
from forecast.runs.io import (
    damaged,
    json_bytes,
    parquet_bytes,
    read_arrays,
    read_json,
    write_arrays,
    write_json,
)
from forecast.runs.manifest import CURRENT_FORMAT, FILES, FORMAT, LABELS, digest, read_checked, sealed
from forecast.runs.saved_backtests import SavedBacktests
from pipelines.errors import RunError
from pipelines.files import of_this_process, write_atomically
from pipelines.market.types import Floats

_MOST_WEIGHTS = 1 << 29  # bytes: a hundred million numbers, and some room
CERTIFICATE, PREDICTIONS = "certificate.json", "predictions.parquet"
BOUND = ("bars.parquet", "predictions.parquet", "validation.parquet")
"""The files whose sha256 stands in the certificate too."""

_PREDICTIONS = [
    "symbol", "model", "fold", "seed", "decided_at", "entry_at", "exit_at",
    "probability", "target", "forward_return",
]  # fmt: skip


class Run(SavedBacktests):
    """A finished or unfinished run on disk.

    Attributes
    ----------
    folder
        Where its files lie, as docs/experiments.md names them.
    part
        The symbol whose members are meant, of a panel in which each has its own; empty for all.

    Examples
    --------
    >>> import forecast as fc
    >>> run = fc.open_run("AAPL")
    >>> run.finished, run.symbol, sorted(set(run.predictions()["model"]))
    (True, 'AAPL', ['lstm'])
    >>> run.describe()["config"]["window"], len(run.bars()) > 0
    (5, True)
    """

    def __repr__(self) -> str:
        """The run in one line, whatever state it is in."""
        return f"Run {self.name}: {', '.join(self._facts().values())}"

    def _repr_html_(self) -> str:
        """The run in a notebook."""
        rows = [f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in self._facts().items()]
        return f"<table><caption>Run {escape(self.name)}</caption>{''.join(rows)}</table>"

    def _facts(self) -> dict[str, str]:
        if self.problem is not None:
            return {"state": "unreadable" if self.exists else "missing"}
        config = self.describe()["config"]
        return {
            "state": "finished" if self.finished else "unfinished",
            "symbol": str(config.get("symbol")),
            "bars": str(config.get("bars") or config.get("interval")),
            "models": ", ".join(map(str, config.get("models") or ())),
            "folds": _counted(config.get("folds"), "fold"),
            "seeds": _counted(config.get("seeds"), "seed"),
        }

    def refuse_judged(self) -> None:
        """Stops where a network is to be asked of a run that has none.

        Raises:
            RunError: it holds forecasts that were made elsewhere.
        """
        if self.describe().get("kind") == JUDGED:
            raise RunError(
                f"Expected a run that was trained here, got {self.name} with forecasts made elsewhere: there is no "
                "network to ask. Name another one: forecast runs."
            )

    def predictions(self) -> pd.DataFrame:
        """Out-of-sample rows: one per model, fold, seed and decision."""
        if not (self.folder / "predictions.parquet").exists():
            raise RunError(f"Run {self.name} is not finished. Run its 'forecast train' again: it resumes.")
        return self._table("predictions.parquet")[_PREDICTIONS]

    def validation(self) -> pd.DataFrame:
        """The same for the validation rows of each fold: what thresholds and calibration are chosen on."""
        return self._table("validation.parquet")[_PREDICTIONS]

    def bars(self) -> pd.DataFrame:
        """The bars that the run used, adjusted forward from the first."""
        return self._table("bars.parquet")

    def history(self) -> pd.DataFrame:
        """Learning curves: model, fold, seed, epoch, loss, val_loss, seconds."""
        return self._table("history.parquet")

    def of_symbol(self, symbol: str) -> "Run":
        """The same run, asked for the members of one symbol."""
        return Run(self.folder, part=symbol)

    def member(self, model: str, fold: int, seed: int) -> Path:
        """Where the weights of a member (model, fold, seed) are; its description is the .json of the same name."""
        return self.folder / "weights" / _as_path(model) / f"fold-{fold}" / self.part / f"seed-{seed}.weights.h5"

    def save_network(self, model: str, fold: int, seed: int, *, weights: bytes, description: Mapping[str, Any]) -> None:
        """Saves the weights and the description of a fitted member (model, fold, seed); its results come after it."""
        path = self.member(model, fold, seed)
        write_atomically(path, weights)
        write_json(_beside(path), {**description, "sha256": hashlib.sha256(weights).hexdigest()})

    def save_results(self, model: str, fold: int, seed: int, *, results: Mapping[str, Floats]) -> None:
        """Saves the results (probabilities, learning curve) of a member (model, fold, seed): it is finished."""
        write_arrays(self._results_path(model, fold, seed), results)

    def results(self, model: str, fold: int, seed: int) -> dict[str, Floats] | None:
        """The results of a member (model, fold, seed), None where it is not finished or its file is damaged."""
        return read_arrays(self._results_path(model, fold, seed))

    def describe_member(self, model: str, fold: int, seed: int) -> dict[str, Any]:
        """Architecture, features and scaler of a member (model, fold, seed), whose weights must have their sha256."""
        path = self.member(model, fold, seed)
        described = _beside(path)
        name = described.relative_to(self.folder).as_posix()
        read_checked(described, name=name, manifest=self.describe() if self.exists else {})
        description = read_json(described)
        try:
            if (size := path.stat().st_size) > _MOST_WEIGHTS:
                raise damaged(path, f"{size:,} bytes are too many")
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise damaged(path, error) from error
        if digest != description.get("sha256"):
            raise damaged(path, "the weights are not the ones that were saved")
        return description

    def save_tuning(self, content: Mapping[str, Any]) -> None:
        """Adds to run.json the content that tuning tried and chose, before any member is trained with it."""
        self._write_description({**self.describe(), "tuning": content})

    def paths(self) -> pd.DataFrame | None:
        """What networks that forecast a path said, and what came; None for a run without one."""
        return self._table("paths.parquet") if self._has("paths.parquet") else None

    def finish(
        self,
        *,
        predictions: pd.DataFrame | Iterable[pd.DataFrame],
        validation: pd.DataFrame | Iterable[pd.DataFrame],
        history: pd.DataFrame,
        certificate: Mapping[str, Any],
        seconds: float,
        paths: pd.DataFrame | None = None,
        diverged: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Writes the results of all members together; the parts are no longer needed.

        predictions, validation, history, paths: as docs/experiments.md names the files, the first two also in parts, of
        which one is held at a time; seconds: what all of it took.
        certificate: what was compared to show that nothing looks ahead; it is bound to the run's bars and predictions.
        diverged: the members whose training gave no finite numbers, with the epoch: run.json names them.
        """
        tables: dict[str, pd.DataFrame | Iterable[pd.DataFrame]] = {
            "history.parquet": history, "validation.parquet": validation, "predictions.parquet": predictions
        }  # fmt: skip
        if paths is not None and len(paths):
            tables = {"paths.parquet": paths, **tables}
        files = {name: parquet_bytes(frame) for name, frame in tables.items()}
        digests = {name: digest(self.place(name).read_bytes()) for name in self._written()}
        digests |= {name: digest(content) for name, content in files.items()}
        bound = sealed({**certificate, FILES: {name: digests[name] for name in BOUND if name in digests}})
        files = {CERTIFICATE: json_bytes(bound), **files}
        digests[CERTIFICATE] = digest(files[CERTIFICATE])
        diverged_members = {"diverged": [dict(member) for member in diverged]} if diverged else {}
        finished = {**diverged_members, "seconds": round(seconds, 1), FORMAT: CURRENT_FORMAT, FILES: digests}
        self._write_description({**self.describe(), **finished})
        for name, content in files.items():  # the predictions come last and say that the run is finished
            write_atomically(self.place(name), content)
        shutil.rmtree(self.folder / "members", ignore_errors=True)

    def _written(self) -> list[str]:
        """The files that are there before the run is finished: bars, weights and their descriptions."""
        present = [name for name in ("bars.parquet",) if (self.folder / name).exists()]
        weights = sorted(path for path in (self.folder / "weights").rglob("seed-*") if path.is_file())
        return present + [path.relative_to(self.folder).as_posix() for path in weights]

    def _write_description(self, content: Mapping[str, Any]) -> None:
        write_json(self.folder / "run.json", sealed(content))

    def _has(self, name: str) -> bool:
        """Whether a file is there, or should be."""
        return (self.folder / name).exists() or name in self.describe().get(FILES, {})

    def _table(self, name: str) -> pd.DataFrame:
        return schemas.parse(read_checked(self.place(name), name=name, manifest=self.describe()), self.folder / name)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one process trains a run at a time. The lock lies beside the folder, so that it outlives it.

        Raises:
            RunError: another one does.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder.parent / f".{self.name}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout as error:
            raise RunError(f"Run {self.name} is being trained by another process. Wait for it to end.") from error
        try:
            yield
        finally:
            lock.release()

    def _results_path(self, model: str, fold: int, seed: int) -> Path:
        return self.folder / "members" / self.part / f"{_as_path(model)}-fold-{fold}-seed-{seed}.npz"

    def certificate(self) -> dict[str, Any] | None:
        """The certificate of no lookahead, None for a run without one."""
        if not self._has(CERTIFICATE):
            return None
        path = self.place(CERTIFICATE)
        read_checked(path, name=CERTIFICATE, manifest=self.describe())
        return read_json(path)

    def pictures(self) -> dict[str, Any] | None:
        """What an inspection left for the report, None for a run that was not looked into."""
        path = self.place("inspection") / "pictures.json"
        return read_json(path) if path.exists() else None


def _counted(number: object, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def create_run(runs: Path, name: str, *, description: Mapping[str, Any], bars: pd.DataFrame) -> Run:
    """The run of that name: a new folder with its bars and run.json, or the one that is there to be gone on with."""
    run = Run(runs / name)
    if not run.described:
        content = parquet_bytes(bars)
        write_atomically(run.place("bars.parquet"), content)
        content_of_run = {**description, FORMAT: CURRENT_FORMAT, FILES: {"bars.parquet": digest(content)}}
        write_json(run.folder / "run.json", sealed(content_of_run))
    return run


def discard(run: Run, *, labels: bool = True) -> None:
    """Removes a run's folder, so that it can be trained anew: out of its place first, then file by file.

    labels: whether the note and the tags that a person put on it stay.
    """
    if run.folder.exists():
        labels_file = run.folder / LABELS
        content = labels_file.read_bytes() if labels and labels_file.is_file() else None
        aside = run.folder.parent / of_this_process(".discarded")
        aside.mkdir()
        run.folder.rename(aside / run.name)
        if content is not None:
            write_atomically(labels_file, content)
        shutil.rmtree(aside, ignore_errors=True)


def _as_path(model: str) -> str:
    """A model's name as part of a path: that of a person's own has a colon."""
    return model.replace(":", "--")


def _beside(weights: Path) -> Path:
    return weights.with_name(weights.name.replace(".weights.h5", ".json"))
