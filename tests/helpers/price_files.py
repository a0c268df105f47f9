"""Small files of prices in every shape that people have: five sessions of January 2024, in all of them the same."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.market import calendars
from pipelines.market.types import Bars
from pipelines.sources.csv import source

DAYS = ("2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08")
PRICES = (
    (10.0, 10.4, 9.9, 10.2, 1000), (10.2, 10.6, 10.1, 10.5, 1200), (10.5, 10.7, 10.2, 10.3, 900),
    (10.3, 10.9, 10.3, 10.8, 1500), (10.8, 11.0, 10.6, 10.9, 1100),
)  # fmt: skip
CLOSES = [10.2, 10.5, 10.3, 10.8, 10.9]
VOLUMES = [1000, 1200, 900, 1500, 1100]
HEADER = "Date,Open,High,Low,Close,Volume"


def rows(
    when: Callable[[str], str] = str, *, price: str = "{:.1f}", volume: str = "{}", separator: str = ","
) -> list[str]:
    """The lines below a header. when: the text of a date."""
    return [
        separator.join([when(day), *(price.format(value) for value in line[:4]), volume.format(line[4])])
        for day, line in zip(DAYS, PRICES, strict=True)
    ]


def table(when: Callable[[str], str] = str, *, header: str = HEADER, **form: str) -> str:
    """A whole file."""
    return "\n".join([header.replace(",", form.get("separator", ",")), *rows(when, **form)]) + "\n"


def lines(form: str) -> str:
    """A line a session. form: a format of d (date), s, ms, ns (since 1970), o, h, l, c, v; O, H, L, C: times 10,000."""
    text = ""
    for day, (o, h, low, c, v) in zip(DAYS, PRICES, strict=True):
        moments = {unit: int(np.datetime64(day, unit).astype(np.int64)) for unit in ("s", "ms", "ns")}
        scaled = {name: f"{value * 1e4:.0f}" for name, value in zip("OHLC", (o, h, low, c), strict=True)}
        text += form.format(d=pd.Timestamp(day), o=o, h=h, l=low, c=c, v=v, k=v / 1000, **scaled, **moments) + "\n"
    return text


SIX = "\n".join(rows()) + "\n"
_TAGS = ",ACME,BETA" * 5
_TWO = "{d:%Y-%m-%d},{c},7,{h},7,{l},7,{o},7,{v},7"
_XNYS = {"calendar": "XNYS"}

SHAPES: dict[str, tuple[str, dict[str, object]]] = {
    "plain": (table(), {}),
    "blanks after names": (table(header="Date ,Open ,High ,Low ,Close ,Volume "), {}),
    "blanks before names": (table(header="Date, Open, High, Low, Close, Volume"), {}),
    "index without a name": (table(header=",Open,High,Low,Close,Volume"), {}),
    "quoted index without a name": ('"","Open","High","Low","Close","Volume"\n' + SIX, {}),
    "comma in a name": (table(header='Date,Open,High,Low,Close,"Volume, shares"'), {}),
    "line break in a name": (table(header='Date,Open,High,Low,Close,"Volume\nshares"'), {}),
    "address first": ("https://www.example.com\n" + table(), {}),
    "text first": ("Prices of ACME\n\nas of today\n" + table(), {}),
    "separator first": ("sep=;\n" + table(separator=";"), {}),
    "comment first": ("# a comment, with a comma\n" + table(), {"skip": 1}),
    "footer": (table() + '"Downloaded from Example.com as of today"\n', {}),
    "commas at the ends": ("\n".join(line + "," for line in table().split("\n")[:-1]) + "\n", {}),
    "commas at the ends of rows": (HEADER + "\n" + "\n".join(line + "," for line in rows()) + "\n", {}),
    "names of rows without a header": ("Open,High,Low,Close,Volume\n" + SIX, {}),
    "no header": (SIX, {}),
    "header named": (SIX, {"header": ("time", "open", "high", "low", "close", "volume")}),
    "firstrate": (SIX, {"shape": "firstrate"}),
    "month first": (lines("{d:%m/%d/%Y},{o},{h},{l},{c},{v}").join([HEADER + "\n", ""]), {"day_first": False}),
    "decimal comma": (table(separator=";").replace(".", ","), {}),
    "dollars": (table(price="${:.2f}"), {}),
    "binance": (lines("{ms},{o},{h},{l},{c},{v},{ms},1.5,5,1,1,0"), _XNYS),
    "kraken": (lines("{s},{o},{h},{l},{c},{v},7"), _XNYS),
    "histdata": (lines("{d:%Y%m%d} 000000;{o};{h};{l};{c};{v}"), {"shape": "histdata", **_XNYS}),
    "metatrader 4": (lines("{d:%Y.%m.%d},00:00,{o},{h},{l},{c},{v}"), {}),
    "metatrader 5": (
        "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
        + lines("{d:%Y.%m.%d}\t{o}\t{h}\t{l}\t{c}\t{v}\t0\t2"), {},
    ),
    "lean": (lines("{d:%Y%m%d} 00:00,{O},{H},{L},{C},{v}"), {}),
    "yfinance download": (
        "Price,Close,High,Low,Open,Volume\nTicker,ACME,ACME,ACME,ACME,ACME\nDate,,,,,\n"
        + lines("{d:%Y-%m-%d},{c},{h},{l},{o},{v}"), {},
    ),
    "yfinance download of two": (
        f"Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume\nTicker{_TAGS}\nDate{',' * 10}\n" + lines(_TWO),
        {"where": {"Ticker": "ACME"}},
    ),
    "yfinance history": (
        HEADER + ",Dividends,Stock Splits\n" + lines("{d:%Y-%m-%d} 00:00:00-05:00,{o},{h},{l},{c},{v},0.0,0.0"), {},
    ),
    "stooq": (
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
        + lines("ACME.US,D,{d:%Y%m%d},000000,{o},{h},{l},{c},{v},0"), {},
    ),
    "nasdaq": ("Date,Close/Last,Volume,Open,High,Low\n" + lines("{d:%m/%d/%Y},${c},{v},${o},${h},${l}"), {}),
    "investing": (
        '"Date","Price","Open","High","Low","Vol.","Change %"\n'
        + lines('"{d:%b %d, %Y}","{c}","{o}","{h}","{l}","{k}K","0.1%"'), {},
    ),
    "nse": (
        "SYMBOL, SERIES, DATE1, PREV_CLOSE, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, LAST_PRICE, CLOSE_PRICE, TTL_TRD_QNTY\n"
        + lines("ACME, EQ, {d:%d-%b-%Y}, 9, {o}, {h}, {l}, 9, {c}, {v}"), {},
    ),
    "polygon": (
        "ticker,volume,open,close,high,low,window_start,transactions\n" + lines("ACME,{v},{o},{c},{h},{l},{ns},3"), {},
    ),
    "databento": (
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n"
        + lines("{ns},35,1,77,{O}00000,{H}00000,{L}00000,{C}00000,{v},ACME"), {},
    ),
    "tiingo": (
        "date,close,high,low,open,volume,adjClose,adjVolume,divCash,splitFactor\n"
        + lines("{d:%Y-%m-%d}T00:00:00.000Z,{c},{h},{l},{o},{v},{c},{v},0.0,1.0"), {},
    ),
    "alphavantage": (
        "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient\n"
        + lines("{d:%Y-%m-%d},{o},{h},{l},{c},{c},{v},0.0,1.0"), {},
    ),
    "dukascopy": (
        "Gmt time,Open,High,Low,Close,Volume\n" + lines("{d:%d.%m.%Y} 00:00:00.000,{o},{h},{l},{c},{v}"), _XNYS,
    ),
    "cryptodatadownload": (
        "https://www.CryptoDataDownload.com\nunix,date,symbol,open,high,low,close,Volume BTC,Volume USDT\n"
        + lines("{ms},{d:%Y-%m-%d},BTC/USDT,{o},{h},{l},{c},{v},9"), _XNYS,
    ),
    "coinbase": ("time,low,high,open,close,volume\n" + lines("{s},{l},{h},{o},{c},{v}"), {}),
    "alpaca": ("symbol,timestamp,open,high,low,close,volume,trade_count,vwap\n"
               + lines("ACME,{d:%Y-%m-%d} 05:00:00+00:00,{o},{h},{l},{c},{v},3,10"), {}),
    "barchart": ("Time,Open,High,Low,Latest,Change,%Change,Volume\n"
                 + lines('"{d:%Y-%m-%d}",{o},{h},{l},{c},0,0.1%,{v}') + '"Downloaded from Barchart.com"\n', {}),
}  # fmt: skip


def read(folder: Path, text: str | bytes, *, name: str = "f.csv", **options: object) -> source.Delivery:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return source.read("ACME", files=[path], **options)


def check(delivery: source.Delivery, *, scale: float = 1.0) -> None:
    bars = delivery.prices
    assert isinstance(bars, Bars)
    assert [str(day) for day in calendars.session_of(bars.closed_at, bars.calendar)] == list(DAYS)
    assert np.allclose(bars.close, CLOSES)
    assert np.allclose(bars.open, [line[0] for line in PRICES])
    assert np.allclose(bars.high, [line[1] for line in PRICES])
    assert np.allclose(bars.volume, np.array(VOLUMES) * scale)
