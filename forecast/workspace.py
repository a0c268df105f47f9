"""Where things are kept: the store, the runs, studies and reports. The one room that knows these folders' names."""

import os
from dataclasses import dataclass
from pathlib import Path

DATA_DIR, REPORTS_DIR, STORE = "FORECAST_DATA", "FORECAST_REPORTS", "FORECAST_STORE"
"""The environment's names for the three places of a workspace."""


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
        object.__setattr__(self, "data_dir", Path(data_dir))
        object.__setattr__(self, "reports_dir", Path(reports_dir))
        object.__setattr__(self, "store", store or self.data_dir / "store")

    @classmethod
    def default(cls) -> "Workspace":
        """The one that FORECAST_DATA, FORECAST_REPORTS and FORECAST_STORE name, else `data` and `reports` here."""
        named = {"data_dir": DATA_DIR, "reports_dir": REPORTS_DIR, "store": STORE}
        return cls(**{field: value for field, name in named.items() if (value := os.environ.get(name))})

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

    def page(self, run: str) -> Path:
        """A run's report."""
        return self.reports_dir / f"{run}.html"

    def pages(self, run: str) -> list[Path]:
        """Every page of a run that is there: its report, those of its other backtests, what its networks remember."""
        named = [self.page(run), self.reports_dir / f"{run}-memory.html", *self.reports_dir.glob(f"{run}.*.html")]
        return [path for path in dict.fromkeys(named) if path.is_file()]
