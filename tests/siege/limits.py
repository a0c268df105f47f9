"""Too little disk or memory, folders that may not be written, and two of each command at once."""

import os
import random
import resource
import shutil
import threading
from pathlib import Path

from tests.siege import kills
from tests.siege.oracle import DONE, REFUSED, SOME_FAILED, STALE, fault, litter, state
from tests.siege.processes import Outcome, command
from tests.siege.results import Result


def case(rng: random.Random, reference: Path, place: Path) -> Result:
    name = kills.chosen_stage(rng)
    how = rng.choice(["disk", "memory", "two"] + (["read-only"] if os.getuid() else []))
    stage = kills.STAGES[name]
    expected, _ = kills.undisturbed(name, reference, place.with_name(f"whole-{name}"))
    kills.copied(reference, place, stage)
    outcomes: list[Outcome] = []
    if how == "two":
        threads = [threading.Thread(target=lambda: outcomes.append(command(place, *stage.arguments))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    elif how == "read-only":
        for path in [place / "data", *(place / "data").rglob("*")]:
            path.chmod(path.stat().st_mode & 0o555)
        outcomes.append(command(place, *stage.arguments))
        for path in [place / "data", *(place / "data").rglob("*")]:
            path.chmod(path.stat().st_mode | 0o200)
    else:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        limit = (
            (resource.RLIMIT_FSIZE, rng.choice([0, 100, 4_000, 30_000, 200_000]))
            if how == "disk"
            else (resource.RLIMIT_AS, used + rng.randrange(1 << 20, 1 << 29))
        )
        outcomes.append(command(place, *stage.arguments, limit=limit))
    reason = next(filter(None, (fault(outcome, codes=(DONE, STALE, REFUSED, SOME_FAILED)) for outcome in outcomes)), "")
    again = command(place, *stage.arguments)
    allowed = (DONE, STALE, REFUSED) if name in ("remove", "live") else (DONE, STALE)
    reason = reason or fault(again, codes=allowed) or litter(place)
    if not reason and (final_state := state(place)) != expected:
        reason = f"another state than without it: {kills.difference(expected, final_state)}"
    shutil.rmtree(place, ignore_errors=True)
    answers = "/".join(str(outcome.code) for outcome in outcomes)
    return Result(what=f"{how} {name}", answer=f"{how} exit {answers}", fault=reason)
