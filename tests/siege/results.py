"""What was tried and what came of it: a line of JSON a case, so that a stopped campaign is resumed."""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Result:
    """One case. answer: how it ended; fault: what must not happen and did, "" if nothing."""

    what: str
    answer: str
    fault: str = ""


class Log:
    """The results of one kind and seed."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._results: dict[int, Result] = {}
        for line in path.read_text().splitlines() if path.exists() else ():
            entry = json.loads(line)
            number = entry.pop("number")
            self._results[number] = Result(**entry)

    def __contains__(self, number: int) -> bool:
        return number in self._results

    def add(self, number: int, result: Result) -> None:
        self._results[number] = result
        with self._path.open("a") as file:
            file.write(json.dumps({"number": number, **asdict(result)}) + "\n")

    def faults(self) -> list[tuple[int, Result]]:
        return [(number, result) for number, result in sorted(self._results.items()) if result.fault]

    def summary(self) -> str:
        """Counts by answer, and of faults."""
        answers = Counter(result.answer for result in self._results.values())
        counts = ", ".join(f"{count:,} {answer}" for answer, count in answers.most_common())
        return f"{len(self._results):,} cases: {counts}; {len(self.faults()):,} faults"
