"""Streams that are closed, full or read by nobody: the work goes on, and files are not taken for streams."""

import os
import subprocess
import sys

import pytest

from tests.helpers.command_line import environment

_CLOSED = """
import os, sys
from forecast.cli.streams import prepare_streams
prepare_streams()
print("out")
print("note", file=sys.stderr)
file = open(sys.argv[1], "w")
file.write("content")
file.flush()
os.write(1, b"printed by a library")
sys.exit(0 if file.fileno() > 2 and all(map(os.get_inheritable, range(3))) else 1)
"""
_UNREAD = """
import sys
from forecast.cli.streams import prepare_streams
prepare_streams()
for number in range(1_000):
    print(f"note {number}", file=sys.stderr, flush=True)
print("done")
sys.exit(7)
"""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_not_mistaken_for_the_next_file(tmp_path, closed):
    command = ["bash", "-c", f'"$@" {closed}', "bash", sys.executable, "-c", _CLOSED, str(tmp_path / "file")]
    assert subprocess.run(command, capture_output=True, env=environment()).returncode == 0
    assert (tmp_path / "file").read_text() == "content"


def test_notes_stop_no_work_when_nobody_reads_them_any_more():
    reader, writer = os.pipe()
    os.close(reader)
    assert_all_is_done(stderr=writer)
    os.close(writer)


def test_notes_stop_no_work_on_a_full_disk():
    with open("/dev/full", "w") as full:
        assert_all_is_done(stderr=full)


def assert_all_is_done(*, stderr):
    command = [sys.executable, "-c", _UNREAD]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment())
    assert (done.returncode, done.stdout) == (7, "done\n")
