"""A worker process: what it answers, how it ends, and that it leaves the person's script alone."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from pipelines.user_code.worker import Worker, WorkerDiedError

ROOT = Path(__file__).parents[4]


def give(value):
    return value


def tell():
    print("a library prints")
    os.write(1, b"and writes\n")
    return sys.argv, signal.getsignal(signal.SIGINT)


class OddError(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} {second}")


def fail():
    raise ValueError("no")


def fail_oddly():
    raise OddError("not", "again")


@pytest.fixture
def worker():
    worker = Worker(int)
    yield worker
    worker.close()


def test_results_come_back_whatever_their_size_and_whatever_is_printed(capfd):
    worker = Worker(int)
    assert worker.call(partial(give, b"x" * 5_000_000)) == b"x" * 5_000_000
    assert worker.call(tell)[1] is signal.SIG_IGN
    assert worker.call(partial(give, "after")) == "after"
    worker.close()
    assert capfd.readouterr().err == "and writes\n"


def test_what_a_task_raises_is_raised_and_the_next_one_is_done(worker):
    with pytest.raises(ValueError, match="no") as caught:
        worker.call(fail)
    assert "in fail" in caught.value.__notes__[0]
    with pytest.raises(RuntimeError, match="OddError: not again"):
        worker.call(fail_oddly)
    with pytest.raises(RuntimeError, match="SystemExit: bye"):
        worker.call(partial(sys.exit, "bye"))
    with pytest.raises(Exception, match=r"pickle|local object"):  # as Python 3.11 to 3.13 say it
        worker.call(lambda: None)
    assert worker.call(partial(give, 1)) == 1


def test_what_preparing_raises_is_raised_by_the_first_task():
    worker = Worker(fail)
    with pytest.raises(ValueError, match="no"):
        worker.call(partial(give, 1))
    worker.close()


def test_a_worker_that_is_gone_is_told_from_a_task_that_fails(worker):
    with pytest.raises(WorkerDiedError):
        worker.call(partial(os._exit, 0))
    with pytest.raises(WorkerDiedError):
        worker.call(partial(give, 1))


SCRIPT = f"""
import os, sys
print("once")
sys.path.insert(0, {str(ROOT)!r})
from forecast.compute.processes import Processes
with Processes(2, prepare=int) as pool:
    print({{pool.submit(os.getppid).result() for _ in range(4)}} == {{os.getpid()}})
"""


@pytest.mark.parametrize("way", ["file", "command", "stdin", "thread"])
def test_a_script_without_a_guard_runs_once_however_it_is_started(way, tmp_path):
    script = tmp_path / "script.py"
    code = SCRIPT
    if way == "thread":
        code = f"import threading\nthread = threading.Thread(target=exec, args=({code!r}, {{}}))\nthread.start()"
    script.write_text(code)
    arguments = {"command": ["-c", code], "stdin": []}.get(way, [str(script)])
    done = subprocess.run([sys.executable, *arguments], input=code, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "once\nTrue\n", "")


def test_workers_end_with_the_process_they_serve():
    code = "\n".join(
        [
            "import os, pickle, time; from functools import partial; from pipelines.user_code.worker import Worker",
            "worker = Worker(int); worker.call(os.getpid)",
            "worker._send(pickle.dumps(partial(time.sleep, 600))); os.kill(os.getpid(), 9)",
        ]
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    # it returns when nobody holds stderr any more: neither the process that was killed nor its worker
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert done.returncode == -signal.SIGKILL
