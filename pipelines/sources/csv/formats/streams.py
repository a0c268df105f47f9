"""Text of any encoding and packing as one stream of UTF-8."""

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipelines.sources.csv.formats import compression, documents, encodings, fixed_width, kinds, web_pages

BLOCK = 8 << 20
_HEAD = 1 << 18
_LINES = 100
_WIDE, _ANY, _MARGINS = re.compile(rb"[ ]{2,}"), re.compile(rb"[ ]+"), re.compile(rb"(?m)^[ ]+|[ ]+(?=\r?$)")


def open_text(path: Path, watch: Callable[[int], None] | None = None) -> tuple[io.BufferedReader, str]:
    """The file's text from its first character on, as UTF-8, and what it was made of for a person.

    watch: is told how many bytes of the file have been read.
    """
    what = kinds.kind(path)
    size = path.stat().st_size
    raw: Any
    base: Any
    if what == "zip":
        raw, name = compression.open_member(path, size)
        if name.startswith("workbook"):
            return raw, name
    elif opener := compression.OPENERS.get(what):
        base = path.open("rb")
        raw, name = compression.Bounded(opener(base, "rb"), path, size, base=base, watch=watch), what
    else:
        base = path.open("rb", buffering=0)
        raw, name = base if watch is None else compression.Bounded(base, path, size, base=base, watch=watch), ""
    stream = io.BufferedReader(raw, BLOCK)
    try:
        if _peek(stream, _HEAD).startswith(fixed_width.MARK):
            stream = io.BufferedReader(_Chunks(fixed_width.as_csv(stream), stream), BLOCK)
            return stream, f"{name} columns of fixed width".strip()
        encoding, skipped = encodings.detect(_peek(stream, _HEAD), path)
        _read_exactly(stream, skipped)
        if encoding not in ("utf-8", "ascii"):
            stream = io.BufferedReader(_Chunks(encodings.as_utf8(stream, encoding), stream), BLOCK)
            name = f"{name} {encoding}".strip()
        start = _peek(stream, 64).lstrip()[:1]
        if start in (b"{", b"["):
            return documents.json_as_csv(stream, path), f"{name} JSON".strip()
        if start == b"<" and web_pages.is_page(_peek(stream, 512)):
            text, place = web_pages.table_as_csv(stream, path)
            return text, f"{name} {place}".strip()
        if blanks := _blanks(_peek(stream, _HEAD)):
            stream = io.BufferedReader(_Chunks(_aligned(stream, blanks), stream), BLOCK)
            name = f"{name} columns separated by blanks".strip()
    except BaseException:
        stream.close()
        raise
    return stream, name


def head(path: Path, size: int = _HEAD) -> tuple[bytes, str]:
    """The first bytes of the text, up to its last whole line, and what the file is."""
    stream, name = open_text(path)
    with stream:
        content = _read_exactly(stream, size)
        if len(content) == size and b"\n" in content:
            content = content[: content.rindex(b"\n") + 1]
        return content, name


def skip(stream: io.BufferedReader, count: int) -> None:
    """Moves on by so many bytes."""
    _read_exactly(stream, count)


def _peek(stream: io.BufferedReader, size: int) -> bytes:
    """The next bytes, which stay where they are; fewer only where one reading gives fewer."""
    return stream.peek(size)[:size]


def _read_exactly(stream: io.BufferedReader, size: int) -> bytes:
    parts = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _blanks(first: bytes) -> re.Pattern[bytes] | None:
    """What separates the columns of a text in which nothing but blanks does: two and more, or any number of them."""
    lines = [line.strip() for line in first.splitlines()[:-1] or first.splitlines() if line.strip()][:_LINES]
    if len(lines) < 2 or re.search(rb"[\t;|]", b"\n".join(lines)) or any(b"," in line for line in lines):
        return None
    for pattern in (_WIDE, _ANY):
        counts = [len(pattern.split(line)) for line in lines]
        width = max(set(counts), key=counts.count)
        few = [count for count in counts if count != width]
        if width >= 4 and len(few) <= max(2, len(lines) // 10) and max(counts) == width:
            return pattern
    return None


def _aligned(stream: io.BufferedReader, blanks: re.Pattern[bytes]) -> Iterator[bytes]:
    """Columns separated by blanks as columns separated by tabs."""
    while part := stream.read(1 << 20):
        yield blanks.sub(b"\t", _MARGINS.sub(b"", part + stream.readline()))


class _Chunks(io.RawIOBase):
    """Chunks of bytes as a stream, which closes the one that they are made of."""

    def __init__(self, chunks: Iterator[bytes], stream: io.BufferedReader) -> None:
        self._chunks = chunks
        self._stream = stream
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left and (chunk := next(self._chunks, None)) is not None:
            self._left = chunk
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()
