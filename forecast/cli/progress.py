"""What a person sees while a command works: how far it is and the time that is left. Nothing in a pipe."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, TimeElapsedColumn

from forecast.api.progress import NameColumn, counting_columns
from forecast.cli.context import CliContext

Step = Callable[[str, int, int], None]
"""Is told of each thing that is begun: its name, its number from 0, and how many there are."""


@contextmanager
def counted(settings: CliContext, title: str) -> Iterator[Step]:
    """A bar over several things, with the time that is left; gone when all is done. what: "Fetching"."""
    with _display(settings, *counting_columns()) as display:
        bar = display.add_task(title, total=None)

        def step(name: str, number: int, total: int) -> None:
            display.update(bar, description=f"{title} {name}", completed=number, total=total)

        yield step


@contextmanager
def busy(settings: CliContext, title: str) -> Iterator[None]:
    """A sign of life, with the seconds that have passed, for one thing whose length is not known."""
    with _display(settings, SpinnerColumn(), TimeElapsedColumn()) as display:
        display.add_task(title, total=None)
        yield


def _display(settings: CliContext, *columns: ProgressColumn) -> Progress:
    console = Console(file=sys.stderr, highlight=False)
    hidden = settings.quiet or not console.is_terminal
    return Progress(NameColumn(), *columns, console=console, disable=hidden, transient=True)
