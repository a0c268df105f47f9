"""What a training tells while it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    """Whoever shows the progress of a training: any object with these three methods.

    Examples
    --------
    >>> import forecast as fc
    >>> class Percent:
    ...     def begin(self, *, total, done):
    ...         self.total, self.done = total, done
    ...
    ...     def advance(self, name, *, epochs):
    ...         self.done += 1
    ...         print(f"{self.done / self.total:.0%}")
    ...
    ...     def note(self, message):
    ...         print(message)
    >>> isinstance(Percent(), fc.Progress)
    True
    """

    def begin(self, *, total: int, done: int) -> None:
        """So many members in total, of which so many were done before."""

    def advance(self, name: str, *, epochs: int) -> None:
        """One more member of that name is saved; epochs: 0 for one that is not trained in epochs."""

    def note(self, message: str) -> None:
        """A message: something a person should know."""


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
