"""A run's saved backtests, `backtests/<name>/` each, with the sha256 of every file in a manifest of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from forecast.runs import schemas
from forecast.runs.io import json_bytes, parquet_bytes, read_json
from forecast.runs.manifest import FILES, MANIFEST, has_digests, read_checked, read_manifest, write_folder
from forecast.runs.run_folder import RunFolder
from pipelines.errors import RunError


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


class SavedBacktests(RunFolder):
    """The backtests of a run."""

    def backtests(self) -> list[str]:
        """Names of the saved backtests, oldest first."""
        folders = [path.parent for path in self.place("backtests").glob("*/metrics.json")]
        return [folder.name for folder in sorted(folders, key=lambda folder: (self._saved_at(folder), folder.name))]

    def partial_backtests(self) -> list[str]:
        """Names of backtests that lack their metrics: being written, stopped before their end, or damaged since."""
        folders = [path.parent for path in self.place("backtests").glob(f"*/{MANIFEST}")]
        return sorted(folder.name for folder in folders if not (folder / "metrics.json").exists())

    def _saved_at(self, folder: Path) -> str:
        """When a backtest was saved, as its manifest has it; before all others where it has none."""
        try:
            return str(read_json(folder / MANIFEST).get("created_at"))
        except RunError:
            return ""

    def backtest(self, name: str) -> Backtest:
        """The saved backtest of that name, whole."""
        return Backtest(
            name=name,
            config=self.backtest_config(name),
            signals=schemas.parse(self._of_backtest(name, "signals.parquet"), Path("signals.parquet")),
            ledger=self.ledger(name),
            metrics=self.metrics(name),
            trades=self._trades(name),
        )

    def without_signals(self, name: str) -> Backtest:
        """The same without its decisions, of which a panel has millions; their file is checked but not parsed."""
        self._of_backtest(name, "signals.parquet")
        return Backtest(
            name=name,
            config=self.backtest_config(name),
            signals=pd.DataFrame(),
            ledger=self.ledger(name),
            metrics=self.metrics(name),
        )

    def _trades(self, name: str) -> pd.DataFrame | None:
        file = "trades.parquet"
        if not self.place("backtests", name, file).exists() and file not in self._backtest_manifest(name).get(
            FILES, {}
        ):
            return None
        return schemas.parse(self._of_backtest(name, file), Path(file))

    def ledger(self, name: str) -> pd.DataFrame:
        """ledger.parquet of the backtest of that name."""
        return schemas.parse(self._of_backtest(name, "ledger.parquet"), Path("ledger.parquet"))

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
        path = self.place("backtests", name, MANIFEST)
        if not path.exists() and not has_digests(self.describe()):
            return {}
        return read_manifest(path.parent)

    def save_backtest(self, backtest: Backtest) -> Path:
        """Writes a backtest into `backtests/<name>/`; metrics.json comes last and says that the rest is whole."""
        files = {
            "config.json": json_bytes(backtest.config),
            "signals.parquet": parquet_bytes(backtest.signals),
            "ledger.parquet": parquet_bytes(backtest.ledger),
            **({} if backtest.trades is None else {"trades.parquet": parquet_bytes(backtest.trades)}),
            "metrics.json": json_bytes(backtest.metrics),
        }
        for file in files:
            self.place("backtests", backtest.name, file)  # which is no link
        created_at = datetime.now(UTC).isoformat(timespec="microseconds")
        return write_folder(self.place("backtests", backtest.name), files, created_at=created_at)
