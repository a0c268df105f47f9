"""What a person puts on a run: a note, tags, the experiment it belongs to. Beside run.json, which stays as trained."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from forecast.runs.io import read_json, write_json
from forecast.runs.manifest import LABELS
from pipelines.errors import ConfigError, RunError

if TYPE_CHECKING:
    from forecast.runs.run import Run

_NAME = re.compile(r"\w[\w.\-:/+=]{0,39}")
_LONGEST_NOTE = 2_000


@dataclass(frozen=True, kw_only=True)
class Labels:
    """note: any text. tags: names, in order of the alphabet. experiment: the group of runs that it belongs to."""

    note: str = ""
    tags: tuple[str, ...] = ()
    experiment: str = ""


def check_name(text: str, *, subject: str = "a tag") -> str:
    """The name of a tag or of an experiment.

    Raises:
        ConfigError: odd characters, or too long.
    """
    if not _NAME.fullmatch(text):
        raise ConfigError(
            f"Expected {subject} of at most 40 letters, digits and . - _ : / + =, begun with a letter or a digit, "
            f"got {text[:80]!r}. Write spaces as -."
        )
    return text


def read_labels(run: "Run") -> Labels:
    """A run's labels, none where there is no such file.

    Raises:
        RunError: the file is damaged.
    """
    path = run.folder / LABELS
    if not path.exists():
        return Labels()
    try:
        content = read_json(path)
        note, tags, experiment = content["note"], content["tags"], content["experiment"]
        if not (isinstance(note, str) and isinstance(experiment, str) and isinstance(tags, list)):
            raise TypeError("a note, a list of tags and an experiment are expected")
        checked = {check_name(tag) for tag in tags}
        if experiment:
            check_name(experiment, subject="an experiment's name")
        return Labels(note=note[:_LONGEST_NOTE], tags=tuple(sorted(checked)), experiment=experiment)
    except (RunError, ConfigError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} cannot be read as labels. The run itself is whole: remove that file, then set its note and tags "
            "again."
        ) from error


def write_note(run: "Run", note: str) -> Labels:
    """Replaces the note; an empty one removes it.

    Raises:
        ConfigError: a note that is too long.
    """
    note = note.strip()
    if len(note) > _LONGEST_NOTE:
        raise ConfigError(f"Expected a note of at most {_LONGEST_NOTE:,} letters, got {len(note):,}. Shorten it.")
    return _change(run, note=note)


def add_tags(run: "Run", tags: Sequence[str]) -> Labels:
    """Adds tags to those that are there."""
    fresh = {check_name(tag) for tag in tags}
    with _locked(run):
        labels = read_labels(run)
        return _save(run, replace(labels, tags=tuple(sorted({*labels.tags, *fresh}))))


def remove_tags(run: "Run", tags: Sequence[str]) -> Labels:
    """Takes tags away; all must be there.

    Raises:
        ConfigError: a tag that the run does not have.
    """
    with _locked(run):
        labels = read_labels(run)
        if absent := [tag for tag in tags if tag not in labels.tags]:
            present = ", ".join(labels.tags) or "it has none"
            raise ConfigError(f"Expected tags of {run.name} ({present}), got {', '.join(absent)[:80]!r}.")
        return _save(run, replace(labels, tags=tuple(tag for tag in labels.tags if tag not in tags)))


def put_into_experiment(run: "Run", experiment: str) -> Labels:
    """Makes a run one of a group; its name, which follows from its settings and data, stays."""
    return _change(run, experiment=check_name(experiment, subject="an experiment's name"))


def keep(run: "Run", labels: Labels) -> None:
    """Writes labels that were read before, where there are any."""
    if labels != Labels():
        with _locked(run):
            _save(run, labels)


def lock_of(run: "Run") -> Path:
    """The file that two programs lock which label a run at once."""
    return run.folder.parent / f".{run.name}.labels.lock"


def _change(run: "Run", **values: Any) -> Labels:
    with _locked(run):
        return _save(run, replace(read_labels(run), **values))


def _save(run: "Run", labels: Labels) -> Labels:
    write_json(run.folder / LABELS, {**asdict(labels), "tags": list(labels.tags)})
    return labels


@contextmanager
def _locked(run: "Run") -> Iterator[None]:
    with FileLock(lock_of(run)):
        yield
