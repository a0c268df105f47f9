"""Several runs -> what differs in their settings, and what each earned more than the first."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from forecast.api.arguments import RunName, run_of, texts_of, workspace_of
from forecast.api.results import performance_of
from forecast.workspace import Workspace
from pipelines.errors import ConfigError, in_one_line

if TYPE_CHECKING:
    import pandas as pd

    from forecast.evaluation.run_comparison import ComparedRun, RunDifference


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparisonResult:
    """Several runs side by side.

    Attributes
    ----------
    compared
        The runs with the backtests by which they are compared.
    pairs
        What each network earned more than that of the first run.
    page
        The HTML page.

    Examples
    --------
    >>> import forecast as fc
    >>> compared = fc.compare(["AAPL", "MSFT"])
    >>> compared.settings.index.tolist(), compared.differences["model"].tolist()
    (['symbol', 'bars used'], ['lstm'])
    """

    compared: "tuple[ComparedRun, ...]"
    pairs: "tuple[RunDifference, ...]"
    page: Path

    @property
    def settings(self) -> "pd.DataFrame":
        """One row a setting that differs, one column a run."""
        import pandas as pd

        from forecast.evaluation.run_comparison import differing

        rows = differing(self.compared)
        return pd.DataFrame(
            list(rows.values()), index=pd.Index(rows, name="setting"), columns=self._names, dtype=object
        )

    @property
    def performance(self) -> "pd.DataFrame":
        """Runs, backtests and models x metrics, in natural units: 0.05 is 5 %."""
        import pandas as pd

        frames = [performance_of(entry.metrics["performance"]) for entry in self.compared]
        keys = [(entry.run.name, entry.backtest) for entry in self.compared]
        return pd.concat(frames, keys=keys, names=["run", "backtest"])

    @property
    def differences(self) -> "pd.DataFrame":
        """One row a network and run: its mean net return per common day less that of the first run."""
        import pandas as pd

        return pd.DataFrame([asdict(pair) for pair in self.pairs])

    @property
    def sentences(self) -> tuple[str, ...]:
        """The differences in words."""
        from forecast.report.sections.run_comparison import sentence

        return tuple(map(sentence, self.pairs))

    @property
    def _names(self) -> list[str]:
        return [entry.run.name for entry in self.compared]

    def __repr__(self) -> str:
        return "\n".join((*self.sentences, f"Page: {self.page}"))

    def _repr_html_(self) -> str:
        sentences = "".join(f"<p>{escape(sentence)}</p>" for sentence in self.sentences)
        return f"<div>{sentences}{self.settings.to_html(escape=True)}</div>"


def compare(
    runs: Sequence[RunName], *, backtests: str | Sequence[str] = (), workspace: Workspace | None = None
) -> ComparisonResult:
    """Compare runs: the settings that differ, and what each earned more than the first on the days they share.

    Parameters
    ----------
    runs
        Two or more, each as `backtest` takes it; one of them twice with two backtests compares two rules.
    backtests
        The name of a backtest for each run, or one for all; none: the newest of each.
    workspace
        Where runs and reports lie; None: `Workspace.default`.

    Returns
    -------
    ComparisonResult
        Tables, sentences, and the page that was written.

    Raises
    ------
    ForecastError
        Fewer than two runs, one without a backtest, or one of them twice.

    Examples
    --------
    >>> import forecast as fc
    >>> _ = fc.backtest("AAPL"), fc.backtest("MSFT")
    >>> fc.compare(["AAPL", "MSFT"]).page.suffix
    '.html'
    """
    from forecast.evaluation.run_comparison import differences, open_compared
    from forecast.report import write_run_comparison

    if not isinstance(runs, list | tuple) or len(runs) < 2:
        raise ConfigError(f'Expected two runs or more, got {in_one_line(runs)}. Give them like ["AAPL", "MSFT"].')
    names: list[str | None] = [*texts_of(backtests, name="backtests", example='backtests="long-flat"')]
    if len(names) not in (0, 1, len(runs)):
        raise ConfigError(f"Expected one backtest, or one for each of {len(runs)} runs, got {len(names)}.")
    place, chosen = workspace_of(workspace), names * len(runs) if len(names) == 1 else names or [None] * len(runs)
    compared = [
        open_compared(run_of(run, place), backtest=backtest) for run, backtest in zip(runs, chosen, strict=True)
    ]
    if len({(entry.run.name, entry.backtest) for entry in compared}) < len(compared):
        raise ConfigError("Expected different runs or backtests, got one of them twice. Name it once.")
    pairs = differences(compared)
    page = write_run_comparison(compared, pairs, folder=place.reports_dir)
    return ComparisonResult(compared=tuple(compared), pairs=tuple(pairs), page=page)
