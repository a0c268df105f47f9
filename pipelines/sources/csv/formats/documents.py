"""Workbooks and JSON as the text of a CSV file, so that they are read by the same rules as one."""

import csv
import io
import json
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from pipelines.errors import BadFileError
from pipelines.sources.csv.cells import quoted

MOST = 1 << 30
"""Bytes of a document, which is in memory as a whole."""

_INSIDE = ("results", "data", "bars", "values", "candles", "prices", "historical", "items", "trades", "records")


def workbook_as_csv(path: Path) -> tuple[io.BufferedReader, str]:
    """The first sheet of an .xlsx workbook that is not empty.

    Raises:
        BadFileError: a workbook that cannot be read or is empty.
    """
    import warnings

    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and validations that do not matter here
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            for sheet in book.worksheets:
                sheet.reset_dimensions()
                rows = [row for row in sheet.iter_rows(values_only=True) if any(cell is not None for cell in row)]
                if len(rows) > 1:
                    others = len(book.worksheets) - 1
                    more = f" ({others} other sheets not read)" if others else ""
                    return _as_csv(rows), f"workbook, sheet {quoted(sheet.title)!r}{more}"
    except Exception as error:  # openpyxl raises whatever the XML inside makes it stumble over
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadFileError(
            f"Expected a workbook that can be read, got {quoted(path)}: {quoted(reason)}. Save it again, or as .csv."
        ) from error
    raise BadFileError(f"Expected a workbook with a table, got {quoted(path)}, which has none.")


def json_as_csv(stream: io.BufferedReader, path: Path) -> io.BufferedReader:
    """One JSON object a line, a list of objects or of lists, or an object of columns.

    Raises:
        BadFileError: JSON that is damaged or no table.
    """
    with stream:
        content = stream.read(MOST + 1)
    if len(content) > MOST:
        raise BadFileError(
            f"Expected at most {MOST >> 20:,} MB of JSON, got more in {quoted(path)}. Save it as .parquet."
        )
    text = content.decode("utf-8", errors="replace")
    try:
        records = _records(json.loads(text))
    except json.JSONDecodeError:
        records = []
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip():
                continue
            try:
                records.append(json.loads(line))
            except (json.JSONDecodeError, RecursionError):
                raise BadFileError(
                    f"{quoted(path)}: Expected a JSON object in line {number:,}, got {line[:40]!r}. Correct the file."
                ) from None
    except RecursionError:
        records = None
    if not records or not all(isinstance(record, dict | list) for record in records):
        raise BadFileError(
            f"Expected a list of rows in the JSON of {quoted(path)}, got something else. Save it as .csv."
        )
    if isinstance(records[0], list):
        return _as_csv([tuple(record) for record in records if isinstance(record, list)])
    records = [_flat(record) if isinstance(record, dict) else record for record in records]
    names = list(dict.fromkeys(name for record in records if isinstance(record, dict) for name in record))
    return _as_csv([names, *([record.get(name) for name in names] for record in records if isinstance(record, dict))])


def _records(document: Any) -> list[Any] | None:
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return None
    columns = [value for value in document.values() if isinstance(value, list)]
    if len(columns) >= 3 and len({len(column) for column in columns}) == 1:
        lists = {name: value for name, value in document.items() if isinstance(value, list)}
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    for name in (*_INSIDE, *document):
        value = document.get(name)
        if isinstance(value, list) and value and isinstance(value[0], dict | list):
            return value
        if isinstance(value, dict) and value and all(isinstance(row, dict) for row in value.values()):
            return [{"date": key, **row} for key, row in value.items()]
        if isinstance(value, dict) and any(isinstance(inside, list) and inside for inside in value.values()):
            return _records(value)
    return [document]


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """A row with what its objects hold beside the rest: Oanda's {"time": ..., "mid": {"o": ..., "c": ...}}."""
    inside = [value for value in record.values() if isinstance(value, dict)]
    if len(inside) != 1 or set(inside[0]) & set(record):
        return record
    return {name: value for name, value in record.items() if value is not inside[0]} | inside[0]


def _as_csv(rows: Any) -> io.BufferedReader:
    text = io.StringIO()
    writer = csv.writer(text)
    width = max(map(len, rows))
    for row in rows:
        cells = [_cell(cell) for cell in row]
        writer.writerow(cells + [""] * (width - len(cells)))
    return io.BufferedReader(io.BytesIO(text.getvalue().encode("utf-8", errors="replace")))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return " ".join(str(value).split())
