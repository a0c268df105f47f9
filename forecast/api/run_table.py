"""The runs of a workspace as a table."""

from typing import TYPE_CHECKING, Any

from forecast.api.arguments import RunName, run_of, workspace_of
from forecast.runs.run import Run
from forecast.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("run", "symbol", "bars", "models", "folds", "seeds", "created_at", "state", "backtests", "skill", "money")


def runs(workspace: Workspace | None = None) -> "pd.DataFrame":
    """All runs, newest first.

    Parameters
    ----------
    workspace
        Where they lie; None: `Workspace.default`.

    Returns
    -------
    pandas.DataFrame
        One row a run: its name, symbol, bars, models, folds, seeds, when it was begun, its state ("finished",
        "unfinished" or "unreadable"), its number of backtests, and the newest one's two answers.

    Examples
    --------
    >>> import forecast as fc
    >>> fc.runs()[["symbol", "state"]].head(1).to_dict("records")
    [{'symbol': 'AAPL', 'state': 'finished'}]
    """
    import pandas as pd

    from forecast.runs.catalog import list_runs

    rows = [_row(run) for run in list_runs(workspace_of(workspace).runs)]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def open_run(run: RunName = "latest", *, workspace: Workspace | None = None) -> Run:
    """Open a run by its name, its symbol (the newest finished run), or "latest".

    Parameters
    ----------
    run
        The name.
    workspace
        Where runs lie; None: `Workspace.default`.

    Returns
    -------
    Run
        The run.

    Raises
    ------
    ForecastError
        No such run; the message names the nearest one.

    Examples
    --------
    >>> import forecast as fc
    >>> fc.open_run("AAPL").symbol
    'AAPL'
    """
    return run_of(run, workspace_of(workspace))


def _row(run: Run) -> dict[str, Any]:
    from pipelines.errors import RunError

    row: dict[str, Any] = {"run": run.name, "created_at": run.created_at, "state": "unreadable", "backtests": 0}
    try:
        config = run.describe()["config"]
        row |= {name: config.get(name) for name in ("symbol", "folds", "seeds")}
        row |= {"bars": config.get("bars") or config.get("interval"), "models": ", ".join(config.get("models") or ())}
        row["state"] = "finished" if run.finished else "unfinished"
        names = run.backtests()
        verdict = run.metrics(names[-1])["verdict"] if names else {}
        row |= {"backtests": len(names), "skill": verdict.get("skill"), "money": verdict.get("money")}
    except (RunError, KeyError, TypeError, AttributeError):
        row["state"] = "unreadable"
    return row
