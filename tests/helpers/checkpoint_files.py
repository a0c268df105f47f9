"""Changes to the files of a trained member, as somebody who tampers with them would make them."""

import hashlib
import json
from pathlib import Path
from typing import Any

from forecast.runs.manifest import sealed
from forecast.runs.run import Run

TASK = ("lstm", 1, 0)


def beside(run: Run, task: tuple[str, int, int] = TASK) -> Path:
    """The description that lies beside the weights."""
    path = run.member(*task)
    return path.with_name(path.name.replace(".weights.h5", ".json"))


def edit(run: Run, **changes: Any) -> None:
    """Changes entries of the description; `part__key` is an entry of a part."""
    path = beside(run)
    described = json.loads(path.read_text())
    for name, value in changes.items():
        part, _, key = name.partition("__")
        if key:
            described[part][key] = value
        else:
            described[part] = value
    path.write_text(json.dumps(described))


def sign(run: Run) -> None:
    """What a careful attacker does: the sha256 fits."""
    edit(run, sha256=hashlib.sha256(run.member(*TASK).read_bytes()).hexdigest())


def reseal(run: Run) -> None:
    """What a still more careful attacker does: every sha256 in the certificate and in run.json fits, too."""
    path, certificate = run.folder / "run.json", run.folder / "certificate.json"
    content = json.loads(path.read_text())
    if certificate.exists():
        certificate_content = json.loads(certificate.read_text())
        bound = {
            name: hashlib.sha256((run.folder / name).read_bytes()).hexdigest() for name in certificate_content["files"]
        }
        certificate.write_text(json.dumps(sealed({**certificate_content, "files": bound})))
    digests = {name: hashlib.sha256((run.folder / name).read_bytes()).hexdigest() for name in content["files"]}
    path.write_text(json.dumps(sealed({**content, "files": digests})))
