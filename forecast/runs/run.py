"""A run's folder, `data/runs/<run-id>/`: the only code that reads or writes it."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from forecast.config.experiment import Hyperparameters, Study
from forecast.runs.io import damaged, read_arrays, read_json, read_parquet, write_arrays, write_json, write_parquet
from pipelines.errors import RunError
from pipelines.files import write_atomically
from pipelines.market.types import Floats

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_MOST_WEIGHTS = 1 << 29  # bytes: a hundred million numbers, and some room
_DESCRIBED = ("config", "data", "versions")
_PREDICTIONS = [
    "symbol", "model", "fold", "seed", "decided_at", "entry_at", "exit_at",
    "probability", "target", "forward_return",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """One backtest of a run, as it was saved: `backtests/<name>/`."""

    name: str
    config: Mapping[str, Any]
    signals: pd.DataFrame
    ledger: pd.DataFrame
    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """A finished or unfinished run on disk."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def exists(self) -> bool:
        """Whether there is a run of this name, readable or not."""
        return os.path.lexists(self.folder / "run.json")

    @property
    def problem(self) -> str | None:
        """Why run.json cannot be read, None where it can."""
        try:
            self.describe()
        except RunError as error:
            return str(error)
        return None

    @property
    def finished(self) -> bool:
        """Whether every member was trained and nothing that a backtest needs is missing."""
        return self.described and (self.folder / "predictions.parquet").exists()

    @property
    def described(self) -> bool:
        """Whether run.json can be read and the bars are there."""
        try:
            self.describe()
        except RunError:
            return False
        return (self.folder / "bars.parquet").exists()

    @property
    def created_at(self) -> datetime:
        """When the run was begun, as run.json has it: a copied folder answers alike. Long ago where it has none."""
        try:
            moment = datetime.fromisoformat(str(self.describe().get("created_at")))
        except (RunError, ValueError):
            return _LONG_AGO
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    @property
    def symbol(self) -> str:
        """The symbol that the run is about."""
        return str(self.describe()["config"].get("symbol"))

    def describe(self) -> dict[str, Any]:
        """run.json: config, data fingerprint, fold dates, seeds, versions, backend."""
        path = self.folder / "run.json"
        content = read_json(path)
        if lacking := [name for name in _DESCRIBED if not isinstance(content.get(name), dict)]:
            raise damaged(path, f"it lacks {', '.join(lacking)}")
        return content

    def predictions(self) -> pd.DataFrame:
        """Out-of-sample rows: one per model, fold, seed and decision."""
        if not (self.folder / "predictions.parquet").exists():
            raise RunError(f"Run {self.name} is not finished. Run its 'forecast train' again: it goes on.")
        return read_parquet(self.folder / "predictions.parquet", columns=_PREDICTIONS)

    def validation(self) -> pd.DataFrame:
        """The same for the validation rows of each fold: what thresholds and calibration are chosen on."""
        return read_parquet(self.folder / "validation.parquet", columns=_PREDICTIONS)

    def bars(self) -> pd.DataFrame:
        """The bars that the run used, adjusted forward from the first."""
        return read_parquet(self.folder / "bars.parquet")

    def history(self) -> pd.DataFrame:
        """Learning curves: model, fold, seed, epoch, loss, val_loss, seconds."""
        return read_parquet(self.folder / "history.parquet")

    def member(self, model: str, fold: int, seed: int) -> Path:
        """Where a member's weights are; its description is the .json of the same name."""
        return self.folder / "weights" / model / f"fold-{fold}" / f"seed-{seed}.weights.h5"

    def save_network(self, model: str, fold: int, seed: int, *, weights: bytes, description: Mapping[str, Any]) -> None:
        """Saves a network that was fitted; what it found comes after it."""
        path = self.member(model, fold, seed)
        write_atomically(path, weights)
        write_json(_beside(path), {**description, "sha256": hashlib.sha256(weights).hexdigest()})

    def save_found(self, model: str, fold: int, seed: int, *, found: Mapping[str, Floats]) -> None:
        """Saves what a member found (probabilities, learning curve), which marks it as finished."""
        write_arrays(self._found(model, fold, seed), found)

    def found(self, model: str, fold: int, seed: int) -> dict[str, Floats] | None:
        """What a finished member found, None where it is not finished (or its file is damaged: it is trained again)."""
        return read_arrays(self._found(model, fold, seed))

    def describe_member(self, model: str, fold: int, seed: int) -> dict[str, Any]:
        """A member's architecture, features and scaler; its weights must have the sha256 that was written with them."""
        path = self.member(model, fold, seed)
        description = read_json(_beside(path))
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
        """Adds to run.json which settings were tried and chosen; before any member is trained with them."""
        write_json(self.folder / "run.json", {**self.describe(), "tuning": content})

    def paths(self) -> pd.DataFrame | None:
        """What networks that forecast a path said, and what came; None for a run without one."""
        path = self.folder / "paths.parquet"
        return read_parquet(path) if path.exists() else None

    def finish(
        self,
        *,
        predictions: pd.DataFrame,
        validation: pd.DataFrame,
        history: pd.DataFrame,
        seconds: float,
        paths: pd.DataFrame | None = None,
    ) -> None:
        """Writes what all members found together; the parts are no longer needed."""
        if paths is not None and len(paths):
            write_parquet(self.folder / "paths.parquet", paths)
        write_json(self.folder / "run.json", {**self.describe(), "seconds": round(seconds, 1)})
        write_parquet(self.folder / "history.parquet", history)
        write_parquet(self.folder / "validation.parquet", validation)
        write_parquet(self.folder / "predictions.parquet", predictions)
        shutil.rmtree(self.folder / "members", ignore_errors=True)

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

    def _found(self, model: str, fold: int, seed: int) -> Path:
        return self.folder / "members" / f"{model}-fold-{fold}-seed-{seed}.npz"

    def save_certificate(self, content: Mapping[str, Any]) -> None:
        """Writes certificate.json: what was compared to show that nothing looks ahead."""
        write_json(self.folder / "certificate.json", content)

    def certificate(self) -> dict[str, Any] | None:
        """The certificate of no lookahead, None for a run without one."""
        path = self.folder / "certificate.json"
        return read_json(path) if path.exists() else None

    def pictures(self) -> dict[str, Any] | None:
        """What an inspection left for the report, None for a run that was not looked into."""
        path = self.folder / "inspection" / "pictures.json"
        return read_json(path) if path.exists() else None

    def backtests(self) -> list[str]:
        """Names of the saved backtests, oldest first."""
        found = (self.folder / "backtests").glob("*/metrics.json")
        return [path.parent.name for path in sorted(found, key=lambda path: path.stat().st_mtime_ns)]

    def backtest(self, name: str) -> Backtest:
        """One saved backtest, whole."""
        folder = self.folder / "backtests" / name
        return Backtest(
            name=name,
            config=self.backtest_config(name),
            signals=read_parquet(folder / "signals.parquet"),
            ledger=read_parquet(folder / "ledger.parquet"),
            metrics=self.metrics(name),
        )

    def backtest_config(self, name: str) -> dict[str, Any]:
        """config.json of one saved backtest: its rules."""
        return read_json(self.folder / "backtests" / name / "config.json")

    def metrics(self, name: str) -> dict[str, Any]:
        """metrics.json of one saved backtest."""
        return read_json(self.folder / "backtests" / name / "metrics.json")

    def save_backtest(self, backtest: Backtest) -> Path:
        """Writes `backtests/<name>/`; metrics.json comes last and says that the rest is whole."""
        folder = self.folder / "backtests" / backtest.name
        (folder / "metrics.json").unlink(missing_ok=True)
        write_json(folder / "config.json", backtest.config)
        write_parquet(folder / "signals.parquet", backtest.signals)
        write_parquet(folder / "ledger.parquet", backtest.ledger)
        write_json(folder / "metrics.json", backtest.metrics)
        return folder


def create_run(runs: Path, name: str, *, description: Mapping[str, Any], bars: pd.DataFrame) -> Run:
    """The run of that name: a new folder with its bars and run.json, or the one that is there to be gone on with."""
    run = Run(runs / name)
    if not run.described:
        write_parquet(run.folder / "bars.parquet", bars)
        write_json(run.folder / "run.json", description)
    return run


def discard(run: Run) -> None:
    """Removes a run's folder, so that it can be trained anew: out of its place first, then file by file."""
    if run.folder.exists():
        aside = Path(tempfile.mkdtemp(dir=run.folder.parent, prefix=".discarded-"))
        run.folder.rename(aside / run.name)
        shutil.rmtree(aside, ignore_errors=True)


def _beside(weights: Path) -> Path:
    return weights.with_name(weights.name.replace(".weights.h5", ".json"))


def tuned_hyperparameters(content: Any) -> dict[Study, Hyperparameters]:
    """The chosen settings in a run.json; none where nothing was tuned.

    Raises:
        RunError: something else stands there.
    """
    try:
        return {
            (str(each["model"]), int(each["fold"])): Hyperparameters(
                units=int(each["units"]), learning_rate=float(each["learning_rate"])
            )
            for each in (content or {}).get("chosen", ())
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(
            f"The tuned settings in run.json cannot be read ({error}). Train it again: --overwrite."
        ) from error
