"""Tables of web pages, by whatever name they are saved."""

import gzip
from pathlib import Path

import pytest

from pipelines.errors import BadFileError
from pipelines.sources.csv import source
from pipelines.sources.csv.formats import web_pages
from tests.helpers.price_files import HEADER, check, rows


def html(lines: list[str], *, cell: str = "<td>{}</td>", head: str = "<th>{}</th>", end: str = "</tr>") -> str:
    names = "".join(head.format(name) for name in HEADER.split(","))
    body = "".join("<tr>" + "".join(map(cell.format, line.split(","))) + end for line in lines)
    return f"<table border=1><tr>{names}{end}{body}</table>"


TABLE = html(rows())
MENU = "<table><tr><td>Home<td>Markets<td>News</tr><tr><td>A<td>B<td>C</tr></table>"
PAGES = {
    "a page": f"<!DOCTYPE html><html><head><title>Prices</title></head><body>{TABLE}</body></html>",
    "a bare table": TABLE,
    "a part of a page": f"\n<div class='grid'>{TABLE}</div>",
    "a style first": f"<style>td {{mso-number-format:'\\@'}} <table></style>{TABLE}",
    "a comment first": f"<!-- saved from url=(0014)about:internet -->\n<HTML><BODY>{TABLE.upper()}</BODY></HTML>",
    "XHTML": f'<?xml version="1.0"?>\n<!DOCTYPE html>\n<html lang="en"><body>{TABLE}</body></html>',
    "cells without ends": "<html>" + html(rows(), cell="<td>{}", head="<td><b>{}</b>", end=""),
    "blanks and marks": "<html>" + html(rows(), cell="<td>\n &nbsp;<span>{}</span><br></td>"),
    "a menu above": f"<html><body>{MENU}{TABLE}{MENU}</body></html>",
    "a table inside a table": f"<html><table><tr><td>Menu</td><td>{TABLE}</td></tr></table></html>",
    "not ended": f"<html><body>{TABLE.removesuffix('</table>')}",
}


@pytest.mark.parametrize("name", ["acme.xls", "acme.html", "acme.csv"])
@pytest.mark.parametrize("page", PAGES)
def test_the_table_of_a_web_page_is_read(tmp_path: Path, page: str, name: str) -> None:
    path = tmp_path / name
    path.write_text(PAGES[page], encoding="utf-8")
    check(source.read("ACME", files=[path]))


def test_pages_are_read_packed_and_in_other_encodings(tmp_path: Path) -> None:
    for content in (gzip.compress(PAGES["a page"].encode()), PAGES["a page"].encode("utf-16")):
        (tmp_path / "acme").write_bytes(content)
        delivery = source.read("ACME", files=[tmp_path / "acme"])
        check(delivery)
        assert any("web page, table 1 of 1" in note for note in delivery.report.notes)


def test_a_cell_that_spans_rows_holds_in_all_of_them() -> None:
    page = web_pages._Page()
    page.feed("<table><tr><td rowspan=2>a<td>b<td colspan=2>c</tr><tr><td>d<td>e<td>f</table>")
    assert page.tables == [[["a", "b", "c", ""], ["a", "d", "e", "f"]]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!DOCTYPE html><html><body>Not found</body></html>", "a web page without a table of them"),
        (f"<html>{TABLE}{html(rows()[:3])}</html>", "one table of prices, got 2 with the columns Date, Open"),
        (f"<html>{html([*rows(), '2024-01-09,x,1,1,1,1'])}</html>", "a number in row 6, column 'Open', got 'x'"),
        ('<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>', "workbook of 2003"),
        ('<?xml version="1.0"?><prices/>', "which is XML"),
        (f"MIME-Version: 1.0\nContent-Type: multipart/related\n\n<html>{TABLE}</html>", "MHTML"),
    ],
)  # fmt: skip
def test_other_pages_are_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "acme.xls"
    path.write_text(text)
    with pytest.raises(BadFileError, match=message) as error:
        source.read("ACME", files=[path])
    assert "\n" not in str(error.value)
