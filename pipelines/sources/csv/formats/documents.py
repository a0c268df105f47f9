"""Workbooks and JSON as the text of a CSV file, so that they are read by the same rules as one."""

import bisect
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
                    return rows_as_csv(rows), f"workbook, sheet {quoted(sheet.title)!r}{more}"
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
    except (RecursionError, LookupError, TypeError, AttributeError, ArithmeticError, ValueError):
        records = None  # no table that anybody publishes
    if not records or not all(isinstance(record, dict | list) for record in records):
        raise BadFileError(
            f"Expected a list of rows in the JSON of {quoted(path)}, got something else. Save it as .csv."
        )
    if isinstance(records[0], list):
        return rows_as_csv([tuple(record) for record in records if isinstance(record, list)])
    records = [_flat(record) if isinstance(record, dict) else record for record in records]
    names = list(dict.fromkeys(name for record in records if isinstance(record, dict) for name in record))
    return rows_as_csv(
        [names, *([record.get(name) for name in names] for record in records if isinstance(record, dict))]
    )


def _records(document: Any) -> list[Any] | None:
    """The rows of the table in a document, dictionaries or lists; the document as one row where there is no table."""
    return _table(document) or ([document] if isinstance(document, dict) else None)


def _table(node: Any) -> list[Any] | None:
    if isinstance(node, list):
        if not node or not all(isinstance(row, dict) for row in node):
            return node if node and all(isinstance(row, list) for row in node) else None
        inside = [_yahoo_chart(row) or next(filter(_is_table, row.values()), None) for row in node]
        if not any(inside):
            return node
        return [
            {name: cell for name, cell in row.items() if _is_cell(cell)} | line
            for row, lines in zip(node, inside, strict=True)
            for line in lines or ()
        ]
    if not isinstance(node, dict):
        return None
    names = node.get("columns") or node.get("column_names")
    if isinstance(names, list) and isinstance(node.get("data"), list):
        head = [name["name"] if isinstance(name, dict) and "name" in name else name for name in names]
        if not isinstance(node.get("index"), list):
            return [head, *node["data"]]
        return [["date", *head], *([key, *row] for key, row in zip(node["index"], node["data"], strict=True))]
    lists = {name: column for name, column in node.items() if isinstance(column, list) and all(map(_is_cell, column))}
    if len(lists) >= 3 and len({len(column) for column in lists.values()}) == 1:
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    if len(node) > 1 and all(isinstance(row, dict) and all(map(_is_cell, row.values())) for row in node.values()):
        if not {"close", "c"} & {str(name).lower() for name in node}:
            return [{"date": key, **row} for key, row in node.items()]
        keys = dict.fromkeys(key for column in node.values() for key in column)
        return [{"date": key, **{name: column.get(key) for name, column in node.items()}} for key in keys]
    tables = {name: rows for name, value in node.items() if (rows := _table(value))}
    tables = {name: tables[name] for name in _INSIDE if name in tables} or tables
    longest = max(tables.values(), key=len, default=None)
    alike_tables = {name: rows for name, rows in tables.items() if longest and _are_alike(rows[0], longest[0])}
    if len(alike_tables) < 2:
        return longest
    return [
        {"symbol": name, **row} if isinstance(row, dict) else [name, *row]
        for name, rows in alike_tables.items()
        for row in rows
    ]


def _is_cell(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _are_alike(row: Any, other: Any) -> bool:
    if isinstance(row, dict) and isinstance(other, dict):
        return 2 * len(set(row) & set(other)) > len(other)
    return type(row) is type(other) and len(row) == len(other)


def _yahoo_chart(node: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The bars of Yahoo's chart as it is: columns in `indicators`, dividends and splits by their time in `events`."""
    times, meta = node.get("timestamp"), node.get("meta")
    if not isinstance(times, list) or not isinstance(meta, dict) or not isinstance(node.get("indicators"), dict):
        return None
    indicators = node["indicators"]
    columns = {**(indicators.get("adjclose") or [{}])[0], **indicators["quote"][0]}
    rows = [
        {"timestamp": time, **dict(zip(columns, cells, strict=True))}
        for time, cells in zip(times, zip(*columns.values(), strict=True), strict=True)
    ]
    if times and times[-1] == meta.get("regularMarketTime"):
        end = meta.get("currentTradingPeriod", {}).get("regular", {}).get("end", 0)
        rows[-1]["complete"] = times[-1] >= end
    for event in ("dividends", "capitalGains", "splits"):
        for happened in (node.get("events") or {}).get(event, {}).values():
            row = rows[max(0, bisect.bisect_right(times, happened["date"]) - 1)]
            row[event] = happened["amount"] if "amount" in happened else happened["numerator"] / happened["denominator"]
    return [{"symbol": meta.get("symbol"), "currency": meta.get("currency"), **row} for row in rows]


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """A row with what its objects hold beside the rest: Oanda's {"time": ..., "mid": {"o": ..., "c": ...}}."""
    inside = [value for value in record.values() if isinstance(value, dict)]
    others = {name: value for name, value in record.items() if not isinstance(value, dict)}
    return record if len(inside) != 1 or set(inside[0]) & set(others) else others | inside[0]


def rows_as_csv(rows: Any) -> io.BufferedReader:
    """Rows of cells as the text of a CSV file, all of one width."""
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
