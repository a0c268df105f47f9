"""The progress of a training on stderr, with the time that is left: a bar in a terminal or notebook, else lines."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Display
from rich.table import Column
from rich.text import Text

from forecast.compute.progress import NotesOnly
from forecast.compute.progress import Progress as Progress
from pipelines.errors import ConfigError, in_one_line

ShowProgress: TypeAlias = bool | Progress
"""True: on stderr. False: nothing. Or an object of one's own with the methods of forecast.Progress."""


@contextmanager
def progress_display(progress: ShowProgress) -> Iterator[Progress]:
    """Where a training tells how far it is."""
    if progress is True:
        with NotebookProgress() if in_notebook() else TrainingProgress() as display:
            yield display
    elif progress is False:
        yield NotesOnly(write=lambda message: None)
    elif isinstance(progress, Progress):
        yield progress
    else:
        raise ConfigError(
            f"Expected progress as True, False or an object with begin, advance and note, got {in_one_line(progress)}. "
            "Leave it out for a bar."
        )


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook, whose stderr is no terminal but knows how to begin a line again."""
    interactive: Any = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive is not None else None
    return shell is not None and hasattr(shell, "kernel")


class NameColumn(ProgressColumn):
    """What is being done, on one line: where there is no room, its end is left out, and no number."""

    def render(self, task: Task) -> Text:
        """The name of the task."""
        return Text(task.description, no_wrap=True, overflow="ellipsis")


class TimeLeftColumn(TimeRemainingColumn):
    """The time that is left and the word for it; nothing as long as that is not known."""

    def render(self, task: Task) -> Text:
        """Such as 0:01:30 left."""
        if task.total is None or task.time_remaining is None:
            return Text()
        return super().render(task) + Text(" left", style="progress.remaining")


def counting_columns() -> list[ProgressColumn]:
    """A bar, then numbers that are never cut: how many of how many, the time since the start, the time left."""
    uncut = Column(no_wrap=True)
    return [
        BarColumn(bar_width=20),
        MofNCompleteColumn(table_column=uncut),
        TimeElapsedColumn(table_column=uncut),
        TimeLeftColumn(elapsed_when_finished=False, table_column=uncut),
    ]


class TrainingProgress:
    """A bar where stderr is a terminal, else a line now and then. Use as a context manager."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr, highlight=False, force_jupyter=False)
        self._display = Display(
            NameColumn(),
            *counting_columns(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._done = self._total = 0
        self._bar: TaskID | None = None

    def __enter__(self) -> "TrainingProgress":
        self._display.start()
        self._bar = self._display.add_task("Preparing", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        self._display.stop()

    def begin(self, *, total: int, done: int) -> None:
        """So many members, of which so many were finished before."""
        self._done, self._total = done, total
        if done:
            self.note(f"Resuming: {done} of {total} members were finished before.")
        if self._bar is not None:
            self._display.reset(self._bar, total=total, completed=done, description="Starting workers")

    def advance(self, name: str, *, epochs: int) -> None:
        """One more member is saved."""
        self._done += 1
        name = f"{name} ({epochs} epochs)" if epochs else name
        if self._console.is_terminal and self._bar is not None:
            self._display.update(self._bar, completed=self._done, description=name)
        elif self._done == self._total or self._done % max(1, self._total // 6) == 0:
            self.note(f"Trained {self._done} of {self._total} members, last {name}.")

    def note(self, message: str) -> None:
        """Something a person should know; one line in a pipe or a file."""
        self._console.print(message, markup=False, soft_wrap=not self._console.is_terminal)


class NotebookProgress:
    """One line of text that is written over and over: it needs no widgets, and stays in the notebook as it ended."""

    _WIDTH = 30

    def __init__(self) -> None:
        self._done = self._total = self._before = 0
        self._began = time.monotonic()

    def __enter__(self) -> "NotebookProgress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._total:
            self._write("\n")

    def begin(self, *, total: int, done: int) -> None:
        """So many members, of which so many were finished before."""
        self._total, self._done, self._before, self._began = total, done, done, time.monotonic()
        self._draw("starting workers")

    def advance(self, name: str, *, epochs: int) -> None:
        """One more member is saved."""
        self._done += 1
        self._draw(f"{name} ({epochs} epochs)" if epochs else name)

    def note(self, message: str) -> None:
        """Something a person should know."""
        self._write(f"\r{message:<100}\n")

    def _draw(self, name: str) -> None:
        filled = round(self._WIDTH * self._done / max(1, self._total))
        elapsed = time.monotonic() - self._began
        fresh = self._done - self._before
        remaining = f", {elapsed / fresh * (self._total - self._done):.0f} s left" if fresh else ""
        bar = "█" * filled + "░" * (self._WIDTH - filled)
        self._write(f"\r{f'{bar} {self._done}/{self._total}, {elapsed:.0f} s{remaining}, {name}':<100}")

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
