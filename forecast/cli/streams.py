"""Standard streams that no work depends on: closed ones, readers that have gone, letters that a terminal lacks."""

import io
import os
import sys
from typing import IO


def prepare_streams() -> None:
    """Makes the standard streams such that what is said to nobody stops nothing. Of one process, before it says
    anything."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            sys.__dict__[name] = sys.__dict__[f"__{name}__"] = _nothing(mode)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter shows its number
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = _Notes(
            sys.stderr.buffer, encoding=sys.stderr.encoding, errors="backslashreplace", line_buffering=True
        )


def _nothing(mode: str) -> IO[str]:
    """The null device in the place of a stream that was closed: else the next file that is opened would be taken for
    it, here and in every process that is started from here."""
    stream = open(os.devnull, mode)  # noqa: SIM115  # for as long as the process lives
    os.set_inheritable(stream.fileno(), True)
    return stream


class _Notes(io.TextIOWrapper):
    """Standard error, which carries progress and notes beside the work: when nobody reads it any more (`2>&1 | head`),
    or its disk is full, the rest is left unsaid."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            self._fall_silent()
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            self._fall_silent()

    def _fall_silent(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
