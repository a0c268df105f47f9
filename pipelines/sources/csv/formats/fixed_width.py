"""B3's history of quotes (COTAHIST), in columns of fixed width, as the text of a CSV file.

Layout: B3, "Historical Quotes: layout of the file" (245 characters a line).
"""

import io
from collections.abc import Iterator

MARK = b"00COTAHIST"
"""What such a file begins with."""

_HEADER = b"date,codneg,currency,open,high,low,close,volume\n"
_PRICES = (slice(56, 69), slice(69, 82), slice(82, 95), slice(108, 121))  # PREABE, PREMAX, PREMIN, PREULT
_SPOT = (b"010", b"020")  # TPMERC: round and odd lots; the others are options, forwards and auctions
_CURRENCIES = {b"R$": b"BRL"}


def as_csv(stream: io.BufferedReader) -> Iterator[bytes]:
    """The rows of the spot market. Prices are in hundredths and for as many shares as FATCOT says."""
    yield _HEADER
    while lines := stream.readlines(1 << 20):
        yield b"".join(_row(line) for line in lines if line[:2] == b"01" and line[24:27] in _SPOT)


def _row(line: bytes) -> bytes:
    unit = 100 * (int(line[210:217]) or 1)
    prices = b",".join(b"%.10g" % (int(line[place]) / unit) for place in _PRICES)
    currency = line[52:56].strip()
    return b"%b,%b,%b,%b,%d\n" % (
        line[2:10], line[12:24].strip(), _CURRENCIES.get(currency, currency), prices, int(line[152:170]),
    )  # fmt: skip
