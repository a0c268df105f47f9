"""Every file of a run and of the store, damaged in every way: a command says the same as before, or refuses."""

import json
import random
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.siege.oracle import REFUSED, fault, normalised
from tests.siege.processes import Outcome, command
from tests.siege.results import Result

Damage = Callable[[random.Random, Path], None]

OF_A_RUN = (("backtest", "latest", "--json"), ("report", "latest"), ("signal", "latest", "--offline", "--json"),
            ("runs", "--json"))  # fmt: skip
OF_THE_STORE = (("data", "list", "--json"), ("data", "show", "AAPL", "--json"), ("data", "check", "MSFT", "--json"),
                ("signal", "latest", "--offline", "--json"))  # fmt: skip


def flip(rng: random.Random, path: Path) -> None:
    """One to four bits."""
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 1, 2, 4])):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def truncate(rng: random.Random, path: Path) -> None:
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)])


def swap(rng: random.Random, path: Path) -> None:
    """Another file's content."""
    others = [other for other in path.parent.rglob("*") if other.is_file() and other != path]
    path.write_bytes(rng.choice(others).read_bytes() if others else b"{}")


def remove(rng: random.Random, path: Path) -> None:
    path.unlink()


def replace(rng: random.Random, path: Path) -> None:
    """A folder, a link to nowhere, or something else in its place."""
    path.unlink()
    kind = rng.randrange(3)
    if kind == 0:
        path.mkdir()
    elif kind == 1:
        path.symlink_to("/nonexistent/file")
    else:
        path.write_bytes(rng.choice([b"", b"null", b"[]", b"{}", b"\x00" * 100, b"PAR1", b'{"files": []}']))


def retype(rng: random.Random, path: Path) -> None:
    """A value or a column of another type, out of range or not finite; bits where the file has no such thing."""
    try:
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path)
            column = rng.choice(list(frame.columns))
            _spoil(rng, frame, column).to_parquet(path, index=False)
        elif path.suffix == ".json":
            content = json.loads(path.read_text())
            edit_json(rng, content)
            path.write_text(json.dumps(content))
        else:
            flip(rng, path)
    except (ValueError, TypeError, OverflowError):  # values that no file can hold
        flip(rng, path)


def _spoil(rng: random.Random, frame: pd.DataFrame, column: str) -> pd.DataFrame:
    values = frame[column]
    choice = rng.randrange(6)
    if choice == 0:
        return frame.drop(columns=column)
    if choice == 1:
        return frame.sample(frac=1.0, random_state=rng.randrange(1 << 30))
    if choice == 2:
        return pd.concat([frame, frame.tail(3)])
    if choice == 3:
        return frame.assign(**{column: values.astype(str)})
    if choice == 4:
        return frame.assign(**{column: values.iloc[::-1].to_numpy()})
    spoiled: Any = values.astype(object).copy()
    spoiled.iloc[rng.randrange(len(values))] = rng.choice([None, np.nan, np.inf, -1.0, 1e308])
    return frame.assign(**{column: spoiled.astype(values.dtype, errors="ignore")})


def edit_json(rng: random.Random, content: Any) -> None:
    """One value somewhere below."""
    while isinstance(content, dict | list) and content:
        key = rng.choice(list(content) if isinstance(content, dict) else list(range(len(content))))
        if isinstance(content[key], dict | list) and content[key] and rng.random() < 0.8:
            content = content[key]
            continue
        content[key] = rng.choice([None, -1, 1e308, "", "x" * 10_000, [], {}, True, "../../x", float("nan"), 10**30])
        return


DAMAGES: tuple[Damage, ...] = (flip, flip, truncate, swap, remove, replace, retype, retype)


@cache
def _expected(reference: Path, arguments: tuple[str, ...], scratch: Path) -> tuple[int | None, str]:
    """What a command says of the undamaged workspace."""
    shutil.copytree(reference / "data", scratch / "data")
    outcome = command(scratch, *arguments)
    shutil.rmtree(scratch)
    return outcome.code, normalised(outcome, scratch)


def case(rng: random.Random, reference: Path, place: Path, *, of_store: bool) -> Result:
    arguments = rng.choice(OF_THE_STORE if of_store else OF_A_RUN)
    expected = _expected(reference, arguments, place.with_name("expected"))
    shutil.copytree(reference / "data", place / "data")
    folder = place / "data" / ("store" if of_store else "runs")
    path = rng.choice(sorted(file for file in folder.rglob("*") if file.is_file() and file.stat().st_size))
    damage = rng.choice(DAMAGES)
    what = f"{damage.__name__} {path.relative_to(place)}, {' '.join(arguments[:2])}"
    damage(rng, path)
    outcome = command(place, *arguments)
    reason = fault(outcome)
    if (
        not reason
        and outcome.code != REFUSED
        and (outcome.code, normalised(outcome, place)) != expected
        and not _says(outcome, expected[1])
    ):
        reason = f"other output than of whole files, exit {outcome.code}: {outcome.out[:300]} {outcome.err[:300]}"
    return Result(what=what, answer="refused" if outcome.code == REFUSED else "same", fault=reason)


def _says(outcome: Outcome, expected: str) -> bool:
    """Whether a command that went on said what it could not read, which it does not say of whole files."""
    words = ("cannot be read", "damaged", "is missing", "Not verified", "left out", "Expected", "trial_log")
    return any((outcome.out + outcome.err).count(word) > expected.count(word) for word in words)
