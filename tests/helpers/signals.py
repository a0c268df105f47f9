"""Ctrl-C as at a terminal, however the tests were started: `&`, nohup and cron have their children ignore it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGINT interrupts this process, and the processes that are started within the block, until the end of it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a handler of ours is the default after exec
    blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        signal.signal(signal.SIGINT, before)
