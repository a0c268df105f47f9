"""What a shell completes beside commands and options: symbols, runs, backtests and choices, from names alone.

Nothing of a run or a price is read: a person who presses Tab waits for it.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import click
from click.shell_completion import CompletionItem

from forecast.workspace import Workspace

Completed: TypeAlias = "list[CompletionItem]"
Complete: TypeAlias = Callable[[click.Context, click.Parameter, str], Completed]

_PARTITION = "symbol="  # the store keeps each symbol in a folder of this name


def symbols(ctx: click.Context, _: click.Parameter, incomplete: str) -> Completed:
    """Symbols in a store of this machine."""
    return _matching(_symbols(_workspace(ctx)), incomplete)


def runs(ctx: click.Context, _: click.Parameter, incomplete: str) -> Completed:
    """Runs by their names, and `latest`."""
    return _matching(["latest", *_runs(_workspace(ctx))], incomplete)


def runs_and_symbols(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Completed:
    """What stands for a run: its name, or a symbol for its newest one."""
    return [*symbols(ctx, parameter, incomplete), *runs(ctx, parameter, incomplete)]


def backtests(ctx: click.Context, _: click.Parameter, incomplete: str) -> Completed:
    """Backtests of all runs: the same rules have the same name everywhere."""
    return _matching(sorted(path.name for path in _workspace(ctx).runs.glob("*/backtests/*")), incomplete)


def models(_: click.Context, __: click.Parameter, incomplete: str) -> Completed:
    """Networks of the project."""
    from forecast.config.model_registry import MODELS

    return _matching(MODELS, incomplete)


def choices(names: Sequence[str]) -> Complete:
    """One of these words."""
    return lambda _, __, incomplete: _matching(names, incomplete)


def features(_: click.Context, __: click.Parameter, incomplete: str) -> Completed:
    """Features of bars and of trades."""
    from pipelines.preprocessing.features import FEATURES
    from pipelines.preprocessing.order_flow import FLOW_FEATURES

    return _matching([*FEATURES, *FLOW_FEATURES], incomplete)


def _workspace(ctx: click.Context) -> Workspace:
    """The one of the global options, as far as they stand before the command."""
    options = ctx.find_root().params
    default = Workspace.default()
    data_dir = Path(options.get("data_dir") or default.data_dir)
    unchanged = data_dir == default.data_dir
    return Workspace(data_dir=data_dir, store=options.get("store") or (default.store if unchanged else None))


def _symbols(workspace: Workspace) -> list[str]:
    if "://" in str(workspace.store):
        return []
    folders = Path(workspace.store).glob(f"*/{_PARTITION}*")
    return sorted({folder.name.removeprefix(_PARTITION) for folder in folders})


def _runs(workspace: Workspace) -> list[str]:
    return sorted(path.parent.name for path in workspace.runs.glob("*/run.json"))


def _matching(names: Iterable[str], incomplete: str) -> Completed:
    """Those that begin so, whatever the case."""
    begun = incomplete.lower()
    return [CompletionItem(name) for name in dict.fromkeys(names) if name.lower().startswith(begun)]
