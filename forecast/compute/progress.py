"""What a training tells while it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    """Whoever shows the progress of a training."""

    def begin(self, *, total: int, done: int) -> None:
        """So many members, of which so many were finished before."""

    def advance(self, name: str, *, epochs: int) -> None:
        """One more member is saved; epochs: 0 for one that is not trained in epochs."""

    def note(self, message: str) -> None:
        """Something a person should know."""


@dataclass(frozen=True, kw_only=True)
class NotesOnly:
    """A progress of which only the notes are shown."""

    write: Callable[[str], None]

    def begin(self, *, total: int, done: int) -> None:
        """Not shown."""

    def advance(self, name: str, *, epochs: int) -> None:
        """Not shown."""

    def note(self, message: str) -> None:
        """Shown."""
        self.write(message)
