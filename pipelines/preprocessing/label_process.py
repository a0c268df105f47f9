"""The process in which a person's label is made again, row by row, the earliest exit first.

It is sent the bars before each row's exit and two other futures from there on, one that rises and one that falls: what
really came is nowhere in it. Run as `python -m pipelines.preprocessing.label_process`.
"""

from typing import Any

import numpy as np

from pipelines.errors import ConfigError
from pipelines.market.types import Bars
from pipelines.preprocessing import custom_labels
from pipelines.preprocessing.access_log import AccessLog
from pipelines.preprocessing.isolated_process import Arrays, GrowingColumns, question

FUTURES = ("rising", "falling")


def main() -> None:
    """One line a row: value and bars held with either future, or why there are none."""
    request, more, send = question()
    columns, log = GrowingColumns(), AccessLog()
    values, arrays = more()
    while values:
        columns.append(arrays_of(arrays, "past"))
        answers, error = [], ""
        for future in FUTURES:
            past, later = columns.copies(), arrays_of(arrays, future)
            joined: dict[str, Any] = {name: np.concatenate([column, later[name]]) for name, column in past.items()}
            history = Bars(**request["bars"], **joined)
            log.active = True
            try:
                label = custom_labels.compute(request["name"], history, horizon=request["horizon"])
                answers.append([float(label[0][values["row"]]), int(label[1][values["row"]])])
            except ConfigError as caught:
                error = str(caught)
            finally:
                log.active = False
        send(row=values["row"], answers=answers, error=error)
        values, arrays = more()
    send(access=list(log.entries))


def arrays_of(arrays: Arrays, part: str) -> dict[str, Any]:
    """Those of a part, `<part> <column>` in what is sent."""
    return {name.removeprefix(f"{part} "): array for name, array in arrays.items() if name.startswith(f"{part} ")}


if __name__ == "__main__":
    main()
