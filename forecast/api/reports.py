"""Backtests -> pages that a person can read and forward."""

from pathlib import Path

from forecast.api.arguments import RunName, check_switch, check_type, run_of, workspace_of
from forecast.api.results import BacktestResult
from forecast.runs.run import Run
from forecast.workspace import Workspace
from pipelines.errors import RunError, in_one_line


def report(
    run: RunName = "latest",
    result: BacktestResult | None = None,
    *,
    backtest: str | None = None,
    standalone: bool = False,
    workspace: Workspace | None = None,
) -> Path:
    """Write the HTML report of a run, and the index of all runs beside it.

    Parameters
    ----------
    run
        What `train` returned, a run's name, a symbol (its newest finished run), or "latest".
    result
        The backtest that is reported, as `backtest` returned it.
    backtest
        The name of a saved backtest instead; the newest one where neither is given.
    standalone
        Whether the chart library is put into the page, to mail it, instead of once beside the pages.
    workspace
        Where runs and reports lie; None: `Workspace.default`.

    Returns
    -------
    pathlib.Path
        The page; it loads nothing from the network.

    Raises
    ------
    ForecastError
        No such run, no such backtest of it, or damaged files.

    Examples
    --------
    >>> import forecast as fc
    >>> page = fc.report("AAPL", fc.backtest("AAPL"))
    >>> page.suffix
    '.html'
    """
    place = workspace_of(workspace)
    chosen = run_of(run, place)
    check_switch(standalone, name="standalone")
    if result is not None:
        saved = check_type(result, BacktestResult, name="result", example="backtest(run)")
        if saved.run.folder.resolve() != chosen.folder.resolve():
            raise RunError(f"Expected a backtest of run {chosen.name}, got one of {saved.run.name}. Backtest it first.")
        backtest = saved.name
    page = write_page_of(chosen, chosen_backtest(chosen, backtest), place, standalone=standalone)
    write_index_of(place)
    return page


def chosen_backtest(run: Run, name: str | None) -> str:
    """The name of a saved backtest: the newest where none is named.

    Raises
    ------
    RunError
        The run has no such backtest, or none at all.
    """
    names = run.backtests()
    if not names:
        raise RunError(f"Expected a backtest of run {run.name}, got none. Make one: forecast backtest {run.name}.")
    if name is not None and not (isinstance(name, str) and name in names):
        raise RunError(f"Expected a backtest of run {run.name} out of {', '.join(names)}, got {in_one_line(name)}.")
    return name or names[-1]


def write_index_of(workspace: Workspace) -> Path:
    """Write the index of all runs, portfolios and power studies of a workspace."""
    from forecast.report import write_index
    from forecast.runs.catalog import list_runs
    from forecast.studies.power_results import listed

    runs = list_runs(workspace.runs)
    return write_index(runs, folder=workspace.reports_dir, calibrations=listed(workspace.calibrations))


def write_page_of(run: Run, backtest: str, workspace: Workspace, *, standalone: bool = False) -> Path:
    """Write the page of a saved backtest, and no index: that of several runs is written once, after them."""
    from forecast.report import write_report
    from forecast.studies.power_results import listed

    studies = listed(workspace.calibrations)
    return write_report(
        run, backtest=backtest, folder=workspace.reports_dir, calibrations=studies, standalone=standalone
    )
