"""Where things are kept: the store, the runs, studies and reports. The one room that knows these folders' names."""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import ConfigError, in_one_line
from pipelines.files import remove_litter, remove_temporary_folders

DATA_DIR, REPORTS_DIR, STORE = "FORECAST_DATA", "FORECAST_REPORTS", "FORECAST_STORE"
"""The environment's names for the three places of a workspace."""

PROJECT_FILE = "forecast.toml"
"""Marks a project: `data` and `reports` lie beside it, unless its [workspace] says otherwise."""

_TABLE = "workspace"
_NAMES = {"data_dir": DATA_DIR, "reports_dir": REPORTS_DIR, "store": STORE}


@dataclass(frozen=True, init=False)
class Workspace:
    """The folders that one person's prices, runs and reports lie in. Nothing is created before something is written.

    Parameters
    ----------
    data_dir
        Folder of the price store, the runs and the studies.
    reports_dir
        Folder of the HTML reports.
    store
        Where the price store is, a folder or an address such as ``s3://bucket/prices``; None: ``data_dir / "store"``.

    Examples
    --------
    >>> Workspace(data_dir="work/data", reports_dir="work/reports").runs.as_posix()
    'work/data/runs'
    """

    data_dir: Path
    reports_dir: Path
    store: Path | str

    def __init__(
        self, *, data_dir: Path | str = "data", reports_dir: Path | str = "reports", store: Path | str | None = None
    ) -> None:
        if isinstance(store, str) and not store:
            store = None
        object.__setattr__(self, "data_dir", Path(_checked("data_dir", data_dir)))
        object.__setattr__(self, "reports_dir", Path(_checked("reports_dir", reports_dir)))
        object.__setattr__(
            self,
            "store",
            self.data_dir / "store" if store is None else _checked("store", store),
        )

    @classmethod
    def default(cls) -> "Workspace":
        """The one that is meant where nothing is said.

        Each place is the first of: FORECAST_DATA, FORECAST_REPORTS, FORECAST_STORE; [workspace] in the forecast.toml of
        this folder or the nearest one above it, beside which `data` and `reports` lie; [workspace] in the user's own
        file (`user_file`); `data` and `reports` in this folder.

        Raises
        ------
        ConfigError
            One of the files cannot be read, or says something else of a workspace.
        """
        sources = [_places(path) for path in (user_file(), project_file()) if path is not None and path.is_file()]
        sources.append({field: value for field, name in _NAMES.items() if (value := os.environ.get(name))})
        places: dict[str, Path | str] = {}
        for source in sources:
            if "data_dir" in source:  # a store belongs to the data folder that it was named with
                places.pop("store", None)
            places |= source
        return cls(**places)

    @property
    def origins(self) -> Path:
        """Where the store's series came from: pipelines.store.provenance."""
        return self.data_dir / "origins"

    @property
    def runs(self) -> Path:
        """One folder a run, and the trial log."""
        return self.data_dir / "runs"

    @property
    def live(self) -> Path:
        """Forecasts noted before their outcome was known."""
        return self.data_dir / "live"

    @property
    def calibrations(self) -> Path:
        """Power studies: one folder each."""
        return self.data_dir / "calibrations"

    @property
    def benchmark(self) -> Path:
        """The memory benchmark's results."""
        return self.data_dir / "benchmark"

    def remove_litter(self) -> None:
        """Removes what killed commands left unfinished in these folders and in the temporary one."""
        remove_temporary_folders()
        for folder in (self.data_dir, self.runs, self.calibrations, self.reports_dir):
            remove_litter(folder)

    def page(self, run: str) -> Path:
        """A run's report."""
        return self.reports_dir / f"{run}.html"

    def pages(self, run: str) -> list[Path]:
        """Every page of a run that is there: its report, those of its other backtests, what its networks remember."""
        pages = [self.page(run), self.reports_dir / f"{run}-memory.html", *self.reports_dir.glob(f"{run}.*.html")]
        return [path for path in dict.fromkeys(pages) if path.is_file()]


def _checked(name: str, place: Path | str) -> Path | str:
    """A folder or an address, if it can be one."""
    with suppress(UnicodeEncodeError):
        if isinstance(place, str | Path) and str(place).strip() and b"\0" not in os.fsencode(place):
            return place
    raise ConfigError(f'Expected {name} as a path, got {in_one_line(place)}. Give it like {name}="data".')


def user_file() -> Path:
    """The user's own file: where the platform keeps settings, `forecast/config.toml`."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "forecast" / "config.toml"


def project_file() -> Path | None:
    """The forecast.toml of this folder or of the nearest one above it; None where there is none.

    One that belongs to somebody else is passed over: in a shared folder it would say where your data go.

    Raises
    ------
    ConfigError
        This folder was removed.
    """
    try:
        current = Path.cwd()
    except FileNotFoundError as error:
        raise ConfigError(
            "Expected a current folder, got one that was removed. Change to another (cd ~) and run the same command "
            "again."
        ) from error
    for folder in (current, *current.parents):
        path = folder / PROJECT_FILE
        if path.is_file() and (not hasattr(os, "getuid") or path.stat().st_uid in (os.getuid(), 0)):
            return path
    return None


def read_settings(path: Path) -> dict[str, Any]:
    """A TOML file of settings.

    Raises
    ------
    ConfigError
        It is missing, or no TOML.
    """
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"Expected a TOML file, found none at {path}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"Expected TOML in {path}, got something else: {error}.") from error


def _places(path: Path) -> dict[str, Path | str]:
    """What a file says of a workspace; folders are taken from where the file lies."""
    table = read_settings(path).get(_TABLE, {})
    if not isinstance(table, dict):
        raise ConfigError(f"Expected [{_TABLE}] with {', '.join(_NAMES)} in {path}, got {table!r:.80}.")
    entries = {name.replace("-", "_"): value for name, value in table.items()}
    if invalid := [name for name, value in entries.items() if name not in _NAMES or not isinstance(value, str)]:
        raise ConfigError(f"Expected {', '.join(_NAMES)} as texts in [{_TABLE}] of {path}, got {invalid[0]}.")
    project = path.name == PROJECT_FILE
    places: dict[str, Path | str] = {"data_dir": path.parent / "data", "reports_dir": path.parent / "reports"}
    if not project:
        places = {}
    for name, value in entries.items():
        places[name] = value if "://" in value else path.parent / Path(value).expanduser()
    return places
