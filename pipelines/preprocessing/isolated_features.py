"""A person's features computed in a fresh process on truncated histories, and what they opened while they did."""

import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.errors import ConfigError
from pipelines.market.types import Bars, Floats
from pipelines.preprocessing import custom_features, feature_process
from pipelines.preprocessing.windows import Rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Recomputation:
    """What one feature gave in a process that had seen nothing longer.

    rows: bars at which a history ended, ascending. values: the feature there, NaN where it has none. errors: why it
    gave nothing, by row. whole: all its values on the whole history, computed last. precision: machine epsilon of the
    type that it returned. repeatable: whether the same history gave the same values twice. access: what it opened.
    """

    rows: Rows
    values: Floats
    errors: Mapping[int, str]
    whole: Floats
    precision: float
    repeatable: bool
    access: tuple[str, ...]


def recompute(bars: Bars, cuts: Mapping[str, Rows]) -> dict[str, Recomputation]:
    """Each feature on the histories that end at its cuts.

    Parameters
    ----------
    bars
        The whole history.
    cuts
        By feature `module:function`: the last bars of its histories, ascending.

    Raises
    ------
    ConfigError
        One that takes too long, ends the process, or fails on the whole history.
    """
    limit = 60.0 + len(cuts) * (feature_process.BUDGET + 5 * custom_features.LONGEST_CALL)
    answer = ask_process(feature_process.__name__, _request(bars, cuts), limit=limit)
    messages: dict[str, dict[str, Any]] = {}
    for message in answer.messages:
        messages.setdefault(message["feature"], {}).update(message)
    for name in cuts:
        answer.refuse(messages.get(name, {}), f"Feature {name}", hint="Let it neither exit nor run for minutes.")
    return {name: _result(messages[name]) for name in cuts}


@dataclass(frozen=True, kw_only=True)
class ProcessAnswer:
    """What a process wrote, line by line, and how it ended."""

    messages: tuple[dict[str, Any], ...]
    ending: str

    def refuse(self, message: Mapping[str, Any], what: str, *, hint: str) -> None:
        """Raises the error of a message, or how the process ended where it never said what it opened.

        Raises:
            ConfigError: either of them.
        """
        if "error" in message:
            raise ConfigError(str(message["error"]))
        if "access" not in message:
            raise ConfigError(f"{what}: expected it to return, got the end of its process ({self.ending}). {hint}")


def ask_process(module: str, request: bytes, *, limit: float) -> ProcessAnswer:
    """What a module of this project answers, run in a fresh process; it is ended after so many seconds."""
    process = subprocess.Popen(  # noqa: S603  # this Python, this module
        [sys.executable, "-P", "-m", module],  # -P: the current directory shadows no import of its own
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(_import_path()), "PYTHONWARNINGS": "ignore"},
    )
    try:
        output, complaint = process.communicate(request, timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        output, complaint = process.communicate()
    except BaseException:
        process.kill()
        process.communicate()
        raise
    last = " ".join(complaint.decode(errors="replace").strip().splitlines()[-1:])[:300]
    return ProcessAnswer(
        messages=tuple(json.loads(line) for line in output.decode(errors="replace").splitlines()),
        ending=f"exit code {process.returncode}" + (f": {last}" if last else ""),
    )


def _import_path() -> list[str]:
    """Where a process that is started finds this project, and what this one imports from."""
    return [str(Path(__file__).parents[2]), *(path for path in sys.path if path)]


def _request(bars: Bars, cuts: Mapping[str, Sequence[int] | Rows]) -> bytes:
    arrays: dict[str, Any] = {}
    scalars: dict[str, Any] = {}
    for field in fields(Bars):
        if field.name == "joined":  # of other symbols: no feature of one's own sees it
            continue
        value = getattr(bars, field.name)
        (arrays if isinstance(value, np.ndarray) else scalars)[field.name] = value
    request = json.dumps({"features": list(cuts), "bars": scalars, "columns": list(arrays)})
    arrays |= {f"cuts {number}": np.asarray(rows, dtype=np.int64) for number, rows in enumerate(cuts.values())}
    buffer = io.BytesIO()
    np.savez(buffer, request=np.array(request), **arrays)
    return buffer.getvalue()


def _result(message: Mapping[str, Any]) -> Recomputation:
    values = message["values"]
    return Recomputation(
        rows=np.asarray(message["rows"], dtype=np.int64),
        values=np.array([np.nan if isinstance(value, str) else value for value in values], dtype=np.float64),
        errors={row: value for row, value in zip(message["rows"], values, strict=True) if isinstance(value, str)},
        whole=np.frombuffer(base64.b64decode(message["whole"]), dtype=np.float64),
        precision=float(message["precision"]),
        repeatable="unrepeatable" not in message,
        access=tuple(message["access"]),
    )
