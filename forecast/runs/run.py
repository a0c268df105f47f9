"""A run's folder, `data/runs/<run-id>/`: the only code that reads or writes it."""

import hashlib
import io
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from forecast.config.experiment import Hyperparameters, Study
from forecast.config.model_registry import JUDGED
from forecast.runs import schemas
from forecast.runs.io import (
    check_size,
    damaged,
    json_bytes,
    parquet_bytes,
    read_arrays,
    read_json,
    write_arrays,
    write_json,
)
from forecast.runs.manifest import (
    CURRENT_FORMAT,
    FILES,
    FORMAT,
    SEAL,
    check_seal,
    digest,
    has_digests,
    read_checked,
    sealed,
)
from pipelines.errors import RunError
from pipelines.files import of_this_process, write_atomically
from pipelines.market.types import Floats

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_MANIFEST = "manifest.json"
_MOST_WEIGHTS = 1 << 29  # bytes: a hundred million numbers, and some room
CERTIFICATE, PREDICTIONS = "certificate.json", "predictions.parquet"
BOUND = ("bars.parquet", "predictions.parquet", "validation.parquet")
"""The files whose sha256 stands in the certificate too."""

_DESCRIBED = ("config", "data", "versions")
_PREDICTIONS = [
    "symbol", "model", "fold", "seed", "decided_at", "entry_at", "exit_at",
    "probability", "target", "forward_return",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """One backtest of a run, as it was saved: `backtests/<name>/`. trades: None where it was saved before there were
    any."""

    name: str
    config: Mapping[str, Any]
    signals: pd.DataFrame
    ledger: pd.DataFrame
    metrics: Mapping[str, Any]
    trades: pd.DataFrame | None = None


@dataclass(frozen=True, repr=False)
class Run:
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

    folder: Path
    part: str = ""

    @property
    def name(self) -> str:
        """Its symbol, its bars, and a hash of what decides its result."""
        return self.folder.name

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

    @property
    def exists(self) -> bool:
        """Whether there is a run of this name, readable or not."""
        return os.path.lexists(self.folder / "run.json")

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

    @property
    def is_panel(self) -> bool:
        """Whether the run is about several symbols at once."""
        return isinstance((self.describe().get("panel") or {}).get("symbols"), dict)

    def describe(self) -> dict[str, Any]:
        """run.json: config, data fingerprint, fold dates, seeds, versions, backend."""
        path = self.folder / "run.json"
        content = read_json(path)
        if lacking := [name for name in _DESCRIBED if not isinstance(content.get(name), dict)]:
            raise damaged(path, f"it lacks {', '.join(lacking)}")
        check_seal(content, path)
        return content

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
        self._describe_as({**self.describe(), "tuning": content})

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
        self._describe_as({**self.describe(), **finished})
        for name, content in files.items():  # the predictions come last and say that the run is finished
            write_atomically(self.place(name), content)
        shutil.rmtree(self.folder / "members", ignore_errors=True)

    def place(self, *parts: str) -> Path:
        """Where a file or folder of the run lies, below it by these parts.

        Raises:
            RunError: a link on the way there: a run from somebody else could name any folder of this machine.
        """
        path = self.folder
        for part in parts:
            path = path / part
            if path.is_symlink():
                raise damaged(path, "it is a link, and a run has none")
        return path

    def _written(self) -> list[str]:
        """The files that are there before the run is finished: bars, weights and their descriptions."""
        present = [name for name in ("bars.parquet",) if (self.folder / name).exists()]
        weights = sorted(path for path in (self.folder / "weights").rglob("seed-*") if path.is_file())
        return present + [path.relative_to(self.folder).as_posix() for path in weights]

    def _describe_as(self, content: Mapping[str, Any]) -> None:
        write_json(self.folder / "run.json", sealed(content))

    def _has(self, name: str) -> bool:
        """Whether a file is there, or should be."""
        return (self.folder / name).exists() or name in self.describe().get(FILES, {})

    def _table(self, name: str) -> pd.DataFrame:
        return _parse(read_checked(self.place(name), name=name, manifest=self.describe()), self.folder / name)

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

    def backtests(self) -> list[str]:
        """Names of the saved backtests, oldest first."""
        folders = [path.parent for path in self.place("backtests").glob("*/metrics.json")]
        return [folder.name for folder in sorted(folders, key=lambda folder: (self._saved_at(folder), folder.name))]

    def _saved_at(self, folder: Path) -> str:
        """When a backtest was saved, as its manifest has it; before all others where it has none."""
        try:
            return str(read_json(folder / _MANIFEST).get("created_at"))
        except RunError:
            return ""

    def backtest(self, name: str) -> Backtest:
        """The saved backtest of that name, whole."""
        return Backtest(
            name=name,
            config=self.backtest_config(name),
            signals=_parse(self._of_backtest(name, "signals.parquet"), Path("signals.parquet")),
            ledger=self.ledger(name),
            metrics=self.metrics(name),
            trades=self._trades(name),
        )

    def _trades(self, name: str) -> pd.DataFrame | None:
        file = "trades.parquet"
        if not self.place("backtests", name, file).exists() and file not in self._backtest_manifest(name).get(
            FILES, {}
        ):
            return None
        return _parse(self._of_backtest(name, file), Path(file))

    def ledger(self, name: str) -> pd.DataFrame:
        """ledger.parquet of the backtest of that name."""
        return _parse(self._of_backtest(name, "ledger.parquet"), Path("ledger.parquet"))

    def backtest_config(self, name: str) -> dict[str, Any]:
        """config.json of the backtest of that name: its rules."""
        self._of_backtest(name, "config.json")
        return read_json(self.place("backtests", name, "config.json"))

    def metrics(self, name: str) -> dict[str, Any]:
        """metrics.json of the backtest of that name."""
        self._of_backtest(name, "metrics.json")
        return read_json(self.place("backtests", name, "metrics.json"))

    def _of_backtest(self, name: str, file: str) -> bytes:
        manifest = self._backtest_manifest(name)
        return read_checked(self.place("backtests", name, file), name=file, manifest=manifest)

    def _backtest_manifest(self, name: str) -> dict[str, Any]:
        """The manifest of a backtest, checked; empty for one that was saved before there were any."""
        path = self.place("backtests", name, _MANIFEST)
        if not path.exists() and not has_digests(self.describe()):
            return {}
        manifest = read_json(path)
        if lacking := [name for name in (SEAL, FILES) if name not in manifest]:
            raise damaged(path, f"it lacks {' and '.join(lacking)}")
        check_seal(manifest, path)
        return manifest

    def save_backtest(self, backtest: Backtest) -> Path:
        """Writes a backtest into `backtests/<name>/`; metrics.json comes last and says that the rest is whole."""
        folder = self.place("backtests", backtest.name)
        (folder / "metrics.json").unlink(missing_ok=True)
        files = {
            "config.json": json_bytes(backtest.config),
            "signals.parquet": parquet_bytes(backtest.signals),
            "ledger.parquet": parquet_bytes(backtest.ledger),
            **({} if backtest.trades is None else {"trades.parquet": parquet_bytes(backtest.trades)}),
            "metrics.json": json_bytes(backtest.metrics),
        }
        manifest = {
            "created_at": datetime.now(UTC).isoformat(timespec="microseconds"),
            FILES: {name: digest(content) for name, content in files.items()},
        }
        write_json(folder / _MANIFEST, sealed(manifest))
        for name, content in files.items():
            write_atomically(self.place("backtests", backtest.name, name), content)
        return folder


def _counted(number: object, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _parse(content: bytes, path: Path) -> pd.DataFrame:
    """A table from the bytes of its file; its footer is asked first how large it becomes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        footer = pq.read_metadata(io.BytesIO(content))
        check_size(footer.num_rows, footer.num_columns, path)
        frame = pd.read_parquet(io.BytesIO(content))
    except (ValueError, OSError, pa.ArrowException) as error:
        raise damaged(path, error) from error
    return schemas.check(frame, path)


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
        labels_file = run.folder / schemas.LABELS
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


def tuned_hyperparameters(content: Any) -> dict[Study, Hyperparameters]:
    """The chosen settings in a run.json; none where nothing was tuned.

    Raises:
        RunError: something else stands there.
    """
    try:
        return {
            (str(chosen["model"]), int(chosen["fold"])): Hyperparameters(
                units=int(chosen["units"]), learning_rate=float(chosen["learning_rate"])
            )
            for chosen in (content or {}).get("chosen", ())
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(
            f"The tuned settings in run.json cannot be read ({error}). Train it again: --overwrite."
        ) from error
