"""The encoding of a text, and the text as UTF-8."""

import codecs
import io
from collections.abc import Iterator
from pathlib import Path

from pipelines.errors import BadFileError
from pipelines.sources.csv.cells import quoted

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_WORDS = {
    "gb18030": ("日期", "时间", "开盘", "收盘"), "big5": ("日期", "時間", "開盤", "收盤"),
    "cp932": ("日付", "日時", "始値", "終値"), "cp949": ("날짜", "일자", "시가", "종가"),
    "cp1251": ("дата", "время", "цена", "закр"), "cp1250": ("najwyższy", "zamknięcie"), "cp1254": ("açılış", "düşük"),
}  # fmt: skip
"""Words of a header by which the encoding of a text that is no UTF-8 is known."""


def detect(first: bytes, path: Path) -> tuple[str, int]:
    """The encoding of a text and how many bytes name it."""
    for mark, name in _MARKS:
        if first.startswith(mark):
            return name, len(mark)
    if len(first) >= 4 and first[1::2].count(0) > len(first[1::2]) * 0.6:
        return "utf-16-le", 0
    if len(first) >= 4 and first[::2].count(0) > len(first[::2]) * 0.6:
        return "utf-16-be", 0
    if b"\0" in first:
        raise BadFileError(
            f"Expected a text file, got {quoted(path)}, which holds NUL bytes (another kind of file, or damage)."
        )
    lines = first[: first.rindex(b"\n")] if b"\n" in first else first
    try:
        lines.decode("utf-8")
    except UnicodeDecodeError:
        return next((name for name, words in _WORDS.items() if _says(lines, name, words)), "cp1252"), 0
    return "utf-8", 0


def _says(text: bytes, encoding: str, words: tuple[str, ...]) -> bool:
    try:
        read = text.decode(encoding).lower()
    except UnicodeDecodeError:
        return False
    return any(word in read for word in words)


def as_utf8(stream: io.BufferedReader, encoding: str) -> Iterator[bytes]:
    """Text of another encoding as UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    while part := stream.read1(1 << 20):
        yield decoder.decode(part).encode("utf-8")
    yield decoder.decode(b"", final=True).encode("utf-8")
