"""SIGTERM and SIGHUP end a command as Ctrl-C does: one line, what was begun is undone, and that exit status."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from forecast.cli import hooks
from tests.helpers.command_line import command_line, environment
from tests.helpers.signals import interruptible


def waiting(folder, *, ignored=()):
    """`forecast config check` of a pipe that nothing comes out of, when it reads, and the pipe's other end.

    ignored: the signals that it is started with as nohup would; none else, however this process was started.
    """

    def with_signals():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    pipe = folder / "settings.toml"
    os.mkfifo(pipe)
    process = subprocess.Popen(
        command_line(folder, "config", "check", str(pipe)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=with_signals,
    )
    while process.poll() is None:
        try:
            return process, os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads yet
            time.sleep(0.02)
    raise AssertionError(process.communicate())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_one_line_and_the_exit_status(tmp_path, number):
    process, end = waiting(tmp_path)
    process.send_signal(number)
    _, errors = process.communicate()
    os.close(end)
    assert process.returncode == -number
    assert errors.split("\n") == ["", "Stopped. What was finished is kept; the same command resumes there.", ""]


def test_a_signal_that_nohup_ignores_stays_ignored(tmp_path):
    process, end = waiting(tmp_path, ignored=[signal.SIGHUP])
    process.send_signal(signal.SIGHUP)
    os.write(end, b"[train]\nwindow = 20\n")
    os.close(end)
    output, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert "1 setting" in output


def test_a_program_that_is_told_of_changes_ends_with_the_command(tmp_path):
    place = tmp_path / "pid"
    sleep = f"import os, time; open({str(place)!r}, 'w').write(str(os.getpid()) + chr(10)); time.sleep(900)"

    def interrupt():
        while not (place.exists() and place.read_text().endswith("\n")):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    with interruptible():
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            hooks.tell(f'{sys.executable} -c "{sleep}"', {}, seconds=600)
        thread.join()
    with pytest.raises(ProcessLookupError):
        os.kill(int(place.read_text()), 0)
