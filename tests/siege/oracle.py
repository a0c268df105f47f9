"""What may never happen, whatever was done to a command's files, input, memory or life."""

import hashlib
import re
from pathlib import Path

from tests.siege.processes import Outcome, forked, temporary

DONE, REFUSED, STALE, SOME_FAILED = 0, 2, 3, 4
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.]*(Z|\+00:00)?")


def fault(outcome: Outcome, *, codes: tuple[int, ...] = (DONE, REFUSED, STALE)) -> str:
    """What is wrong with how a command ended, "" if nothing is."""
    if outcome.hung:
        return f"hangs: {outcome.seconds:.0f} s"
    if outcome.code not in codes:
        return f"exit {outcome.code}: {outcome.err[-400:]}"
    if "Traceback" in outcome.err or "defect of forecast" in outcome.err + outcome.out:
        return f"traceback: {outcome.err[-600:]}"
    if outcome.code == REFUSED:
        errors = [line for line in outcome.err.splitlines() if line.startswith("Error: ")]
        if len(errors) != 1:
            return f"expected one line of error, got {len(errors)}: {outcome.err[-400:]}"
        if not errors[0].isprintable() or len(errors[0]) > 1_500:
            return f"an error that cannot be read: {errors[0][:300]!r}"
    return ""


def normalised(outcome: Outcome, folder: Path) -> str:
    """What a command in `folder` printed, but for its name and the times at which something was written down."""
    return _TIME.sub("TIME", outcome.out).replace(str(folder), "FOLDER")


def litter(folder: Path) -> str:
    """What was left unfinished below a folder, "" if nothing was."""
    left = [path for path in folder.rglob("*") if path.name.endswith((".part", ".tmp")) or ".discarded" in path.name]
    left += list(temporary(folder).glob("*")) if temporary(folder).exists() else []
    return "left: " + ", ".join(sorted({str(path.relative_to(folder)) for path in left})[:5]) if left else ""


def state(folder: Path) -> str:
    """Digest of all that a workspace holds: prices, actions, what was tried, the tables of runs and studies, and which
    other files there are."""
    lines = forked(lambda: _print_prices(folder) + _print_trials(folder), folder).out.splitlines()
    data = folder / "data"
    for path in sorted(file for file in data.rglob("*") if file.is_file()):
        parts = path.relative_to(data).parts
        if "calibrations" in parts:
            content = _TIME.sub("", path.read_text()).encode()
        elif "store" in parts or path.name.endswith((".lock", ".json")):
            continue
        else:
            content = path.read_bytes() if path.suffix == ".parquet" and path.name != "history.parquet" else b""
        lines.append(f"{path.relative_to(data)} {hashlib.sha256(content).hexdigest()}")
    lines += [str(path.relative_to(folder)) for path in sorted((folder / "reports").glob("*.html"))]
    return "\n".join(lines)


def _print_prices(folder: Path) -> int:
    from pipelines.store.store import Store

    store = Store(folder / "data" / "store")
    for row in store.catalogue().sort_values(["symbol", "interval"]).itertuples():
        bars, actions = store.read_bars(row.symbol, interval=row.interval), store.read_actions(row.symbol)
        arrays = [bars.opened_at, bars.open, bars.high, bars.low, bars.close, bars.volume]
        arrays += [actions.ex_at, actions.dividend, actions.split]
        content = hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()
        print(row.symbol, row.interval, row.rows, content)
    return 0


def _print_trials(folder: Path) -> int:
    """What was tried, once however often a killed command noted it, and what is wrong with the log."""
    from forecast.runs.trial_log import read

    log = read(folder / "data" / "runs")
    for line in sorted({f"tried {trial}" for trial in log.trials}) + [f"tried: {problem}" for problem in log.problems]:
        print(line)
    return 0
