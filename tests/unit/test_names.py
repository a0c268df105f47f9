"""Names are the field's words: what a variable holds, in a quant's terms."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEVER = frozenset(
    {
        "asked", "contents", "each", "found", "given", "handover", "held", "kept", "known", "made", "material", "mine",
        "rival", "rivals", "said", "same", "shown", "sight", "some", "there", "told", "usual", "wanted", "whole",
        "worth", "wrong",
    }
)  # fmt: skip
ROOMS = ("forecast", "pipelines", "tests")
CONTRACTS = {
    "forecast/diagnostics/effective_memory.py": {"whole"},
    "forecast/serving/paper_record.py": {"given"},
    "pipelines/cleaning/report.py": {"kept"},
    "pipelines/preprocessing/isolated_features.py": {"whole"},
    "pipelines/preprocessing/labels.py": {"held"},
    "pipelines/preprocessing/sample_weights.py": {"held"},
    "pipelines/preprocessing/windows.py": {"held"},
    "pipelines/sources/csv/layout/shapes.py": {"whole"},
}
"""Fields that bear such a name on purpose, by module: rows kept, bars held, values of the whole history."""

_NAME_OF: dict[type[ast.AST], str] = {
    ast.Name: "id", ast.Attribute: "attr", ast.arg: "arg", ast.alias: "asname", ast.FunctionDef: "name",
    ast.AsyncFunctionDef: "name", ast.ClassDef: "name", ast.ExceptHandler: "name",
}  # fmt: skip


def bound_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of every variable, parameter, attribute, function and class that a module defines."""
    for node in ast.walk(tree):
        field = _NAME_OF.get(type(node))
        if field and not isinstance(getattr(node, "ctx", None), ast.Load) and (name := getattr(node, field)):
            yield node.lineno, name  # type: ignore[attr-defined]


def foreign_words(text: str) -> list[str]:
    """Each defined name that is none of the field's words, with its line."""
    if not re.search(rf"(?i)\b_*(?:{'|'.join(sorted(NEVER))})\b", text):  # to parse all would take a second and more
        return []
    return [
        f"{line}: {name}" for line, name in sorted(bound_names(ast.parse(text))) if name.strip("_").lower() in NEVER
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_every_name_is_a_word_of_the_field(room: str) -> None:
    hits = []
    for path in sorted((ROOT / room).rglob("*.py")):
        module = path.relative_to(ROOT).as_posix()
        allowed = CONTRACTS.get(module, set())
        words = foreign_words(path.read_text())
        hits += [f"{module}:{hit}" for hit in words if hit.split(": ")[1] not in allowed]
    assert not hits, f"Expected names that say what they hold, got {', '.join(hits)}. STYLE: a variable is its content."


def test_a_banned_word_is_seen_wherever_a_name_is_defined() -> None:
    text = """
def told(found, *given, rival=1, **kept):
    made: int = 0
    for each, (shown, x) in ():
        self.material = [said for said in ()]
    with open() as held:
        lambda asked: (wanted := asked)
class Sight: pass
"""
    words = {
        "asked", "each", "found", "given", "held", "kept", "made", "material", "rival", "said", "shown", "sight",
        "told", "wanted",
    }  # fmt: skip
    assert {hit.split(": ")[1].lower() for hit in foreign_words(text)} == words
    assert not foreign_words("def value(x): return x.found + f'{x.told}'  # made, given")
