"""The progress of a training, drawn on stderr with the time that is left; plain lines where it is not a terminal."""

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Display


class TrainingProgress:
    """What forecast.training.train tells, for a person. Use as a context manager."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(file=sys.stderr, quiet=quiet, highlight=False)
        self._display = Display(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._done = self._total = 0
        self._bar: TaskID | None = None

    def __enter__(self) -> "TrainingProgress":
        self._display.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._display.stop()

    def begin(self, *, total: int, done: int) -> None:
        """So many members, of which so many were finished before."""
        self._done, self._total = done, total
        if done:
            self.note(f"Going on: {done} of {total} members were finished before.")
        self._bar = self._display.add_task("Starting workers", total=total, completed=done)

    def advance(self, name: str, *, epochs: int) -> None:
        """One more member is saved."""
        self._done += 1
        name = f"{name} ({epochs} epochs)" if epochs else name
        if self._console.is_terminal and self._bar is not None:
            self._display.update(self._bar, completed=self._done, description=name)
        elif self._done == self._total or self._done % max(1, self._total // 6) == 0:
            self.note(f"Trained {self._done} of {self._total} members, last {name}.")

    def note(self, message: str) -> None:
        """Something a person should know."""
        self._console.print(message, markup=False)
