"""Several runs -> one account per model."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from forecast.api.arguments import RunName, check_switch, check_type, run_of, workspace_of
from forecast.api.results import Verdict, performance_of, verdict_of
from forecast.config.trading import TradingConfig
from forecast.workspace import Workspace
from pipelines.errors import ConfigError, in_one_line

if TYPE_CHECKING:
    import pandas as pd

    from forecast.evaluation.portfolio import Portfolio

WEIGHTINGS = ("equal", "inverse-volatility")


@dataclass(frozen=True, kw_only=True, eq=False)
class PortfolioResult:
    """Several runs traded as one account per model.

    Attributes
    ----------
    saved
        The portfolio as it is saved beside the runs.
    page
        The HTML page.

    Examples
    --------
    >>> import forecast as fc
    >>> joined = fc.portfolio(["AAPL", "MSFT"])
    >>> joined.symbols, joined.page.suffix
    (['AAPL', 'MSFT'], '.html')
    """

    saved: "Portfolio"
    page: Path

    @property
    def symbols(self) -> list[str]:
        """What was traded."""
        return list(self.saved.config["symbols"])

    @cached_property
    def verdict(self) -> Verdict:
        """Two answers: skill, then money."""
        return verdict_of(self.saved.metrics, symbol=", ".join(self.symbols))

    @cached_property
    def performance(self) -> "pd.DataFrame":
        """Models x metrics, in natural units: 0.05 is 5 %; NaN where a metric is not defined."""
        return performance_of(self.saved.metrics["performance"])

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of the accounts: networks that were left out, symbols that ended, ..."""
        from forecast.report.sections.notes import trading_notes

        return tuple(trading_notes(self.saved.metrics["trading"]))

    @property
    def ledger(self) -> "pd.DataFrame":
        """One row a model, member and bar of the joined account."""
        return self.saved.ledger

    @property
    def holdings(self) -> "pd.DataFrame":
        """One row a model, member, symbol and bar: its share, what it should hold, what was traded."""
        return self.saved.holdings

    def __repr__(self) -> str:
        return "\n".join([f"Portfolio {self.saved.name}", repr(self.verdict), *self.notes, f"Page: {self.page}"])

    def _repr_html_(self) -> str:
        return self.verdict._repr_html_()


def portfolio(
    runs: Sequence[RunName],
    trading: TradingConfig | None = None,
    *,
    weighting: Literal["equal", "inverse-volatility"] = "equal",
    standalone: bool = False,
    workspace: Workspace | None = None,
) -> PortfolioResult:
    """Trade several runs as one account per model, rebalanced at every open and paid for.

    Parameters
    ----------
    runs
        Of two symbols or more, each as `backtest` takes it. Networks that not all of them have are left out.
    trading
        The rules and the costs; None: ``TradingConfig()``.
    weighting
        "equal" shares, or "inverse-volatility".
    standalone
        Whether the chart library is put into the page, to mail it.
    workspace
        Where runs and reports lie; None: `Workspace.default`.

    Returns
    -------
    PortfolioResult
        The verdict, the tables behind it, and the page.

    Raises
    ------
    ForecastError
        Fewer than two symbols, or runs that cannot be joined.

    Examples
    --------
    >>> import forecast as fc
    >>> fc.portfolio(["AAPL", "MSFT"]).holdings["symbol"].unique().tolist()
    ['AAPL', 'MSFT']
    """
    from forecast.evaluation.portfolio import join, save
    from forecast.report import write_portfolio

    if isinstance(runs, str) or not isinstance(runs, list | tuple):
        raise ConfigError(f'Expected runs as a list, got {in_one_line(runs)}. Give them like ["AAPL", "MSFT"].')
    check_switch(standalone, name="standalone")
    if not isinstance(weighting, str) or weighting not in WEIGHTINGS:
        raise ConfigError(f"Expected weighting out of {', '.join(WEIGHTINGS)}, got {in_one_line(weighting)}.")
    rules = TradingConfig() if trading is None else trading
    rules = check_type(rules, TradingConfig, name="trading", example='TradingConfig(policy="long-short")')
    place = workspace_of(workspace)
    joined = join([run_of(run, place) for run in runs], rules=rules, weighting=weighting)
    save(joined, runs=place.runs)
    return PortfolioResult(saved=joined, page=write_portfolio(joined, folder=place.reports_dir, standalone=standalone))
