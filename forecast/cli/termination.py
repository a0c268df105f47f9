"""SIGTERM and SIGHUP end a command as Ctrl-C does: what it has begun is finished or undone, then the signal ends it."""

import atexit
import os
import signal
from types import FrameType

_SIGNALS = ("SIGTERM", "SIGHUP")  # of kill, timeout and systemd; of a terminal that is closed


def interrupt_on_termination() -> None:
    """Lets both raise KeyboardInterrupt in the main thread; the process then ends by the signal that came.

    One that is ignored, as SIGHUP with nohup, stays so. A second signal of the kind ends the process at once.
    """
    arrived: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        arrived.append(number)
        raise KeyboardInterrupt

    def end() -> None:
        if arrived:
            os.kill(os.getpid(), arrived[0])

    for number in (getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, interrupt)
    atexit.register(end)  # before all others, so that it runs behind them
