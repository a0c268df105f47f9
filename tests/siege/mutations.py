"""Texts spoiled at random: cells, letters, lines, marks, ends and encodings."""

import random
import re
from collections.abc import Callable

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
