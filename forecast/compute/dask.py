"""Members fitted on a Dask cluster: the same orders, the same digits, on other machines.

Whoever reaches the port of a scheduler or worker can run programs there: trusted networks only, or TLS.
"""

import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import Executor
from contextlib import suppress
from types import TracebackType
from typing import Any

from forecast.compute import backend, shared_data, task
from forecast.compute.shared_data import SharedData
from pipelines.errors import ConfigError, ForecastError, RunError

_LOGGERS = ("distributed", "distributed.client", "distributed.comm", "tornado", "tornado.application", "asyncio")
_ANSWER_S = 10  # how long a scheduler may take to answer
_GOODBYE_S = 3
_WORKERS_S = 60  # and a first worker to appear: starting one imports dask


class DaskPool:
    """Workers of a Dask scheduler at an address like tcp://host:8786; `local` starts one on this machine.

    Dask repeats the tasks of a killed worker elsewhere. The data go to a worker when its first task does; they are
    the result of a task themselves, so that a lost worker takes no copy with it that cannot be made again.

    Raises:
        ConfigError: dask.distributed is not installed, or no such address.
        RunError: no scheduler answers, no worker appears, or a worker has other versions.
    """

    def __init__(self, address: str, *, backend: str, jobs: int) -> None:
        self.backend = backend
        self.ahead = 1_000
        self._address = address
        self._jobs = jobs
        self._cluster: Any = None
        self._client: Any = None
        self._workers: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "DaskPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._workers is not None:
            self._workers.kill()  # their work is done, or was given up: nothing is worth waiting for
            self._workers.wait()
        for open_one in (self._client, self._cluster):
            with suppress(TimeoutError, OSError):
                if open_one is not None:
                    open_one.close(timeout=_GOODBYE_S)

    def start(self) -> Executor:
        if self._client is None:
            self._connect()
        executor: Executor = self._client.get_executor(pure=False)
        return executor

    def share(self, shared: SharedData) -> Any:
        self.start()
        arrays = shared_data.to_arrays(shared)
        return self._client.submit(dict, arrays, key=f"forecast-data-{shared_data.digest(arrays)}")

    def rest(self) -> None:
        pass  # their memory is the cluster's

    def failure(self) -> ForecastError | None:
        if self._client.status == "running" and self._client.scheduler is not None:
            return None
        return RunError(
            f"The scheduler at {self._address} is gone. Finished members are kept: start it again and run the same "
            "command, it resumes."
        )

    def _connect(self) -> None:
        try:
            import dask
            import distributed
        except ModuleNotFoundError as error:
            raise ConfigError("--cluster needs Dask. Install it: pip install 'tick-forecast[cluster]'.") from error
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL)  # a lost connection is one line of ours
        dask.config.set(
            {
                "distributed.comm.timeouts.connect": f"{_ANSWER_S}s",
                "distributed.admin.large-graph-warning-threshold": "1GB",
            }
        )
        try:
            address = self._address
            if address == "local":
                self._cluster = distributed.LocalCluster(n_workers=0, processes=True, dashboard_address=None)
                address = self._cluster.scheduler_address
                self._workers = _start_workers(address, self._jobs)
            self._client = distributed.Client(address, timeout=_ANSWER_S, set_as_default=False)
            self._client.wait_for_workers(1 if self._workers is None else self._jobs, timeout=_WORKERS_S)
        except (OSError, TimeoutError) as error:
            missing = "an answer" if self._client is None else "a worker"
            start = "dask scheduler" if self._client is None else f"dask worker {self._address} --nthreads 1"
            raise RunError(
                f"Expected {missing} from the Dask scheduler at {self._address}, got none. Start one: {start}."
            ) from error
        except ValueError as error:
            raise ConfigError(f"Expected cluster like tcp://host:8786, or local, got {self._address!r}.") from error
        self._check_workers()

    def _check_workers(self) -> None:
        expected = tuple(backend.versions(self.backend).items())
        answers: Mapping[str, Any] = self._client.run(task.load, self.backend, expected, on_error="return")
        for worker, answer in answers.items():
            if isinstance(answer, RunError):
                raise RunError(f"Worker {worker}: {answer}")
            if isinstance(answer, Exception):
                raise RunError(f"Worker {worker} cannot run forecast ({answer}). Install this version there.")


def _start_workers(address: str, jobs: int) -> "subprocess.Popen[bytes]":
    """Workers of this machine, in a process that does not import the person's script (pipelines.user_code.worker)."""
    options = ("--nworkers", str(jobs), "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1")
    return subprocess.Popen(  # noqa: S603  # this very Python
        [sys.executable, "-m", "distributed.cli.dask_worker", address, *options],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
