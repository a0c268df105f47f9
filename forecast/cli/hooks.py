"""A person's own program that is told of changed signals: JSON on its stdin, and no harm where it fails or hangs."""

import json
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any

from pipelines.files import place_of_temporary_files


def tell(command: str, content: Mapping[str, Any], *, seconds: float) -> str | None:
    """Runs the command with the content on its stdin. Returns what went wrong in one line, None where nothing did."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        return f"Expected --on-change as a command, got {command[:80]!r}: {error}."
    if not words:
        return "Expected --on-change as a command, got an empty text."
    with tempfile.TemporaryFile(dir=place_of_temporary_files()) as output:
        try:
            program = subprocess.Popen(  # noqa: S603  # the person's own command, without a shell
                words, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        except OSError as error:
            return f"The command of --on-change cannot be started: {error.strerror} ({words[0]})."
        try:
            program.communicate(json.dumps(content, allow_nan=False).encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            _end(program)
            return f"The command of --on-change was stopped after {seconds:g} s without an end ({words[0]})."
        except BaseException:  # Ctrl-C: nobody would stop it after its time
            _end(program)
            raise
        if program.returncode == 0:
            return None
        output.seek(0)
        last = output.read().decode(errors="replace").strip().splitlines()[-1:] or ["no output"]
        return f"The command of --on-change ended with exit code {program.returncode}: {last[0][:200]}"


def _end(program: "subprocess.Popen[bytes]") -> None:
    os.killpg(program.pid, signal.SIGKILL)  # with whatever it has started
    program.wait()
