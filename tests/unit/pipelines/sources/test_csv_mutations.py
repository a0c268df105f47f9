"""Files damaged at random: the right prices, or one line that says where and what to do. Never a traceback.

`PRICE_FILE_MUTATIONS=20000 pytest tests/unit/pipelines/sources/test_csv_mutations.py -s` tries as many of them.
"""

import os
import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from forecast.cli.commands.fetch import command
from pipelines.errors import ForecastError
from pipelines.market.types import Bars
from pipelines.sources.csv import source
from tests.helpers.price_files import SHAPES

OPTIONS = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
ODD = (
    "",
    "-",
    "x",
    "0",
    "-1",
    "1e400",
    "nan",
    "1,5",
    "1.234",
    "2023-02-30",
    "99999999999999999999",
    "é",
    "\x00",
    '"',
    "\u202e",
    "١",
)

Mutation = Callable[[random.Random, str], str]


def cell(rng: random.Random, text: str) -> str:
    """Another cell in the place of one."""
    lines = text.split("\n")
    row = rng.randrange(len(lines))
    cells = re.split(r"([,;\t|])", lines[row])
    cells[rng.randrange(0, len(cells), 2)] = rng.choice(ODD)
    return "\n".join([*lines[:row], "".join(cells), *lines[row + 1 :]])


def letter(rng: random.Random, text: str) -> str:
    """A letter changed, left out or put in."""
    place = rng.randrange(len(text))
    return text[:place] + rng.choice(["", "", rng.choice("0159.,;-:/ \"'\tAé\n")]) + text[place + rng.randrange(2) :]


def line(rng: random.Random, text: str) -> str:
    """A line twice, left out, empty or cut off."""
    lines = text.split("\n")
    row = rng.randrange(len(lines))
    changed = rng.choice([[lines[row]] * 2, [], [""], [lines[row][: rng.randrange(len(lines[row]) + 1)]]])
    return "\n".join([*lines[:row], *changed, *lines[row + 1 :]])


def order(rng: random.Random, text: str) -> str:
    """All lines below the first in another order."""
    first, *rest = text.rstrip("\n").split("\n")
    rng.shuffle(rest)
    return "\n".join([first, *rest]) + "\n"


def mark(rng: random.Random, text: str) -> str:
    """One mark for another in the whole file."""
    old, new = rng.sample([",", ";", "\t", "|", ".", "-", "/", " ", ":"], 2)
    return text.replace(old, new)


def end(rng: random.Random, text: str) -> str:
    """The file cut off."""
    return text[: rng.randrange(len(text))]


MUTATIONS: tuple[Mutation, ...] = (cell, letter, line, order, mark, end)


def spoiled(rng: random.Random, text: str) -> bytes:
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        text = rng.choice(MUTATIONS)(rng, text) or " "
    encoding = rng.choice(["utf-8"] * 8 + ["utf-16", "latin-1"])
    content = text.encode(encoding, errors="replace")
    if rng.random() < 0.1:
        place = rng.randrange(len(content))
        content = content[:place] + bytes([rng.randrange(256)]) + content[place + 1 :]
    return content


def test_a_damaged_file_is_read_right_or_refused_in_one_line_that_helps(tmp_path: Path) -> None:
    count, outcomes = int(os.environ.get("PRICE_FILE_MUTATIONS", "250")), Counter[str]()
    rng = random.Random(20240102)
    path = tmp_path / "f.csv"
    for number in range(count):
        name = rng.choice(list(SHAPES))
        text, options = SHAPES[name]
        content = spoiled(rng, text)
        path.write_bytes(content)
        try:
            prices = source.read("ACME", files=[path], **options).prices
        except ForecastError as error:
            message = str(error)
            assert "\n" not in message, (number, name, message)
            assert message.isprintable(), (number, name, message)
            assert len(message) < 700, (number, name, message)
            unknown = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", message)) - OPTIONS
            assert not unknown, (number, name, message)
            assert not re.search(r"accept the loss|--max-dropped \d", message), (number, name, message)
            outcomes["refused"] += 1
        else:
            assert len(prices), (number, name)
            outcomes["read"] += 1
            if isinstance(prices, Bars):
                assert np.all(prices.opened_at >= np.datetime64("1800-01-01")), (number, name, content)
                assert np.all(prices.opened_at <= np.datetime64("2200-01-01")), (number, name, content)
    print(f"\n{count:,} damaged files: {outcomes['read']:,} read, {outcomes['refused']:,} refused in one line")
    assert sum(outcomes.values()) == count
    assert min(outcomes["read"], outcomes["refused"]) > count / 10
