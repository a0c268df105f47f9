"""The live set: the runs whose signals are traded tomorrow, each with the rules it was put there with."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from forecast.config.trading import TradingConfig
from forecast.runs.io import read_json, write_json
from pipelines.errors import RunError

if TYPE_CHECKING:
    from forecast.runs.run import Run

_FILE = "live.json"


@dataclass(frozen=True, kw_only=True)
class LiveRun:
    """One run of the live set.

    model: the network whose position is traded. backtest: where the rules came from. rules: its config.json, kept
    here, so that no later backtest changes them. added_at: UTC, ISO 8601.
    """

    run: str
    symbol: str
    model: str
    backtest: str
    rules: Mapping[str, Any]
    added_at: str

    @property
    def trading(self) -> TradingConfig:
        """The rules as a backtest takes them.

        Raises:
            ConfigError: rules that this version does not know.
        """
        return TradingConfig.from_json(self.rules)


def read_live(folder: Path) -> list[LiveRun]:
    """The live set of a workspace, in order of symbols; empty where nothing was added.

    Raises:
        RunError: the file is damaged.
    """
    path = folder / _FILE
    if not path.exists():
        return []
    try:
        live_runs = [LiveRun(**live_run) for live_run in read_json(path)["runs"]]
        if not all(isinstance(live_run.run, str) and isinstance(live_run.rules, dict) for live_run in live_runs):
            raise TypeError("a run and its rules are expected")
    except (RunError, KeyError, TypeError) as error:
        raise RunError(
            f"The live set {path} cannot be read. Expected what 'forecast live add' writes. Restore it from a backup, "
            f"or move it away and add the runs again; the journal beside it stays."
        ) from error
    return sorted(live_runs, key=lambda live_run: (live_run.symbol, live_run.run))


def live_names(folder: Path) -> set[str]:
    """The names of the runs in the live set."""
    return {live_run.run for live_run in read_live(folder)}


def open_live_run(runs: Path, live: LiveRun) -> "Run":
    """The run of an entry of the live set.

    Raises:
        RunError: its folder was removed; no other run is proposed in its place.
    """
    from forecast.runs.catalog import named_run  # with pandas, which the names of the live runs do not need

    run = named_run(runs, live.run)
    if run is None:
        raise RunError(
            f"Run {live.run} of the live set is not in {runs}. Restore its folder, or: forecast live remove {live.run}."
        )
    return run


def add(folder: Path, *, run: str, symbol: str, model: str, backtest: str, rules: Mapping[str, Any]) -> LiveRun:
    """Puts a run into the live set; one that is there already gets these rules."""
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    fresh = LiveRun(run=run, symbol=symbol, model=model, backtest=backtest, rules=dict(rules), added_at=moment)
    with _locked(folder):
        _write(folder, [*(live_run for live_run in read_live(folder) if live_run.run != run), fresh])
    return fresh


def remove(folder: Path, run: str) -> LiveRun:
    """Takes a run, named by itself or by its symbol, out of the live set; what the journal has of it stays.

    Raises:
        RunError: it is not there, or several runs of that symbol are.
    """
    with _locked(folder):
        live_runs = read_live(folder)
        matching = [live_run for live_run in live_runs if live_run.run == run] or [
            live_run for live_run in live_runs if live_run.symbol == run.upper()
        ]
        if len(matching) != 1:
            names = ", ".join(live_run.run for live_run in matching or live_runs) or "none"
            raise RunError(f"Expected one run of the live set ({names}), got {run[:80]!r}. See: forecast live list.")
        _write(folder, [live_run for live_run in live_runs if live_run.run != matching[0].run])
    return matching[0]


def _write(folder: Path, runs: Sequence[LiveRun]) -> None:
    write_json(
        folder / _FILE, {"runs": [asdict(live_run) for live_run in sorted(runs, key=lambda live_run: live_run.run)]}
    )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".live.lock"):
        yield
