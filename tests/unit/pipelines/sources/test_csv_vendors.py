"""Files of vendors, brokers and exchanges, by the columns that they publish: read right, or refused with what to do."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import ForecastError
from pipelines.market.types import Bars, Quotes, Ticks
from pipelines.sources.csv import source
from tests.helpers.price_files import DAYS, PRICES, check, lines, read

SECONDS = [int(np.datetime64(day, "s").astype(np.int64)) for day in DAYS]
HEADER = "Date,Open,High,Low,Close,Volume\n"
_INVESTING = '"{d:%d.%m.%Y}","{c}","{o}","{h}","{l}","{k}K","0.1%"'
_CANDLES = [
    {"complete": True, "volume": v, "time": f"{day}T05:00:00.000000000Z",
     "mid": {"o": str(o), "h": str(h), "l": str(low), "c": str(c)}}
    for day, (o, h, low, c, v) in zip(DAYS, PRICES, strict=True)
]  # fmt: skip
_OHLC = [
    dict(zip(("timestamp", "open", "high", "low", "close", "volume"), map(str, (s, *row)), strict=True))
    for s, row in zip(SECONDS, PRICES, strict=True)
]
_KRAKEN = [[s, *map(str, row[:4]), "10", str(row[4]), 5] for s, row in zip(SECONDS, PRICES, strict=True)]

BARS: dict[str, tuple[str, dict[str, object]]] = {
    "a symbol before each name": (
        '"Index","ACME.Open","ACME.High","ACME.Low","ACME.Close","ACME.Volume","ACME.Adjusted"\n'
        + lines("{d:%Y-%m-%d},{o},{h},{l},{c},{v},{c}"), {},
    ),
    "names of two levels": (
        "\"('Date', '')\",\"('Close', 'ACME')\",\"('High', 'ACME')\",\"('Low', 'ACME')\",\"('Open', 'ACME')\","
        "\"('Volume', 'ACME')\"\n" + lines("{d:%Y-%m-%d},{c},{h},{l},{o},{v}"), {},
    ),
    "two symbols after the names": (
        "Date,Close_BETA,High_BETA,Low_BETA,Open_BETA,Volume_BETA,Close_ACME,High_ACME,Low_ACME,Open_ACME,Volume_ACME\n"
        + lines("{d:%Y-%m-%d},7,7,7,7,7,{c},{h},{l},{o},{v}"), {"where": {"Ticker": "ACME"}},
    ),
    "pandas-datareader": (
        "Attributes,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume\nSymbols" + ",ACME,BETA" * 5
        + "\nDate" + "," * 10 + "\n" + lines("{d:%Y-%m-%d},{c},7,{h},7,{l},7,{o},7,{v},7"),
        {"where": {"Symbols": "ACME"}},
    ),
    "frankfurt": (
        "Datum;Eröffnung;Schluss;Tageshoch;Tagestief;Umsatz (€);Umsatz (Stück)\n"
        + lines("{d:%d.%m.%y};{o};{c};{h};{l};99;{v}"), {},
    ),
    "wind": (
        "代码,日期,开盘价(元),最高价(元),最低价(元),收盘价(元),成交量(股)\n"
        + lines("600000.SH,{d:%Y-%m-%d},{o},{h},{l},{c},{v}"), {},
    ),
    "volumes by another name": (
        "Date,Trading_Volume,open,max,min,close,Avg Volume\n" + lines("{d:%Y-%m-%d},{v},{o},{h},{l},{c},9"), {},
    ),
    "copenhagen": ("Dato,Seneste,Åben,Høj,Lav,Vol.\n" + lines("{d:%Y- %m- %d},{c},{o},{h},{l},{v}"), {}),
    "weekdays after dates": ("日付,始値,高値,安値,終値,出来高\n" + lines("{d:%Y/%m/%d}(火),{o},{h},{l},{c},{v}"), {}),
    "dates of a browser": (
        HEADER + lines("{d:%a %b %d %Y %H:%M:%S} GMT-0500 (Eastern Standard Time),{o},{h},{l},{c},{v}"), {},
    ),
    "dates of java": (HEADER + lines("{d:%Y-%m-%dT%H:%M}-05:00[America/New_York],{o},{h},{l},{c},{v}"), {}),
    "bloomberg": (
        "Security,ACME US Equity\nStart Date,1/2/2024\nEnd Date,1/8/2024\nPeriod,D\n\n"
        "Dates,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME\n" + lines("{d:%Y-%m-%d},{o},{h},{l},{c},{v}"), {},
    ),
    "refinitiv": (
        "Date,TRDPRC_1,HIGH_1,LOW_1,ACVOL_UNS,OPEN_PRC,BID,ASK\n" + lines("{d:%Y-%m-%d},{c},{h},{l},{v},{o},9,11"), {},
    ),
    "eikon": (
        "Instrument,Date,Price Open,Price High,Price Low,Price Close,Volume\n"
        + lines("ACME.N,{d:%Y-%m-%d}T00:00:00Z,{o},{h},{l},{c},{v}"), {},
    ),
    "tick history": (
        "#RIC,Domain,Date-Time,GMT Offset,Type,Open,High,Low,Last,Volume\n"
        + lines("ACME.N,Market Price,{d:%Y-%m-%d}T00:00:00.000000000Z,-5,Intraday 1Day,{o},{h},{l},{c},{v}"), {},
    ),
    "interactive brokers": (
        "date,open,high,low,close,volume,average,barCount\n"
        + lines("{d:%Y%m%d}  09:30:00 US/Eastern,{o},{h},{l},{c},{v},10,5"), {},
    ),
    "crsp": (
        "PERMNO,date,BIDLO,ASKHI,PRC,VOL,RET,BID,ASK,SHROUT,CFACPR,OPENPRC\n"
        + lines("10001,{d:%Y%m%d},{l},{h},{c},{v},0.01,9,11,100,1,{o}"), {},
    ),
    "crsp since 2022": (
        "PERMNO,DlyCalDt,DlyOpen,DlyHigh,DlyLow,DlyClose,DlyVol,DlyPrc\n"
        + lines("10001,{d:%Y-%m-%d},{o},{h},{l},{c},{v},{c}"), {},
    ),
    "compustat": (
        "gvkey,iid,datadate,tic,cshtrd,prccd,prchd,prcld,prcod,ajexdi\n"
        + lines("001690,01,{d:%Y%m%d},ACME,{v},{c},{h},{l},{o},1"), {},
    ),
    "sierra chart": (
        "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume\n"
        + lines("{d:%Y/%m/%d}, 00:00:00, {o}, {h}, {l}, {c}, {v}, 5, 500, 500"), {},
    ),
    "ninjatrader": (lines("{d:%Y%m%d} 000000;{o};{h};{l};{c};{v}"), {}),
    "norgate": (
        "Date,Open,High,Low,Close,Volume,Turnover,Unadjusted Close,Dividend\n"
        + lines("{d:%Y%m%d},{o},{h},{l},{c},{v},9,{c},0"), {},
    ),
    "quantquote": (lines("{d:%Y%m%d},0,{o},{h},{l},{c},{v}"), {}),
    "metastock": (lines("ACME,{d:%Y%m%d},{o},{h},{l},{c},{v}"), {}),
    "bossa": (
        "<TICKER>,<DTYYYYMMDD>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n" + lines("ACME,{d:%Y%m%d},{o},{h},{l},{c},{v}"), {},
    ),
    "euronext": (
        '"Historical Data"\n"From 2024-01-01 to 2024-01-09"\nFR0000120271\nDate;Open;High;Low;Last;Close;'
        '"Number of Shares";"Number of Trades";Turnover;vwap\n'
        + lines("{d:%Y-%m-%d};{o};{h};{l};9;{c};{v};5;9;10"), {},
    ),
    "bombay": (
        "Date,Open Price,High Price,Low Price,Close Price,WAP,No.of Shares,No. of Trades,Total Turnover (Rs.)\n"
        + lines("{d:%d-%B-%Y},{o},{h},{l},{c},9,{v},5,9"), {},
    ),
    "ariva": (
        "Datum;Erster;Hoch;Tief;Schlusskurs;Stuecke;Volumen\n"
        + lines("{d:%Y-%m-%d};{o};{h};{l};{c};{v};123456").replace(".", ","), {},
    ),
    "investing.com, German": ('"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"\n' + lines(_INVESTING), {}),
    "investing.com, Polish": ('"Data","Ostatnio","Otwarcie","Max.","Min.","Wol.","Zm. %"\n' + lines(_INVESTING), {}),
    "investing.com, Swedish": ('"Datum","Senaste","Öppen","Högsta","Lägsta","Vol.","+/- %"\n' + lines(_INVESTING), {}),
    "investing.com, Japanese": ('"日付け","終値","始値","高値","安値","出来高","変化率 %"\n' + lines(_INVESTING), {}),
    "investing.com, Chinese": ('"日期","收盘","开盘","高","低","交易量","涨跌幅"\n' + lines(_INVESTING), {}),
    "taiwan": (
        "日期,成交股數,成交金額,開盤價,最高價,最低價,收盤價,漲跌價差,成交筆數\n"
        + lines("{d:%Y/%m/%d},{v},9,{o},{h},{l},{c},0.1,5").replace("2024/", "113/"), {},
    ),
    "korea": (
        "일자,종가,대비,등락률,시가,고가,저가,거래량,거래대금,시가총액\n"
        + lines("{d:%Y/%m/%d},{c},1,1,{o},{h},{l},{v},9,9"), {},
    ),
    "tushare's minutes": (
        "ts_code,trade_time,close,open,high,low,vol,amount\n"
        + lines("600000.SH,{d:%Y-%m-%d} 15:00:00,{c},{o},{h},{l},{v},9"), {},
    ),
    "jqdata": (",open,close,high,low,volume,money\n" + lines("{d:%Y-%m-%d},{o},{c},{h},{l},{v},9"), {}),
    "moscow": (
        "BOARDID;TRADEDATE;SHORTNAME;SECID;NUMTRADES;VALUE;OPEN;LOW;HIGH;LEGALCLOSEPRICE;WAPRICE;CLOSE;VOLUME\n"
        + lines("TQBR;{d:%Y-%m-%d};Акме;ACME;5;9;{o};{l};{h};{c};9;{c};{v}"), {},
    ),
    "coinmarketcap": (
        "timeOpen;timeClose;timeHigh;timeLow;name;open;high;low;close;volume;marketCap;timestamp\n"
        + lines('"x";"x";"x";"x";"2781";{o};{h};{l};{c};{v};9;"{d:%Y-%m-%d}T23:59:59.999Z"'), {},
    ),
    "the last minute of a day, elsewhere": (
        HEADER + lines("{d:%Y-%m-%d}T23:59:59.999Z,{o},{h},{l},{c},{v}"), {"tz": "Europe/Berlin"},
    ),
    "currencies in the header": (
        HEADER.replace("n,", "n (USD),").replace("h,", "h (USD),").replace("w,", "w (USD),").replace("se,", "se [$],")
        + lines("{d:%Y-%m-%d},{o},{h},{l},{c},{v}"), {},
    ),
    "dates as floats": (HEADER + lines("{d:%Y%m%d}.0,{o},{h},{l},{c},{v}"), {}),
    "the end of the day": (HEADER + lines("{d:%Y-%m-%d} 24:00,{o},{h},{l},{c},{v}"), {}),
    "oanda": (json.dumps({"instrument": "EUR_USD", "candles": _CANDLES}), {}),
    "bitstamp": (json.dumps({"data": {"ohlc": _OHLC, "pair": "BTC/USD"}}), {}),
    "huobi": (
        json.dumps({"data": [
            {"id": s, "open": o, "close": c, "low": low, "high": h, "amount": v, "vol": v * c, "count": 7}
            for s, (o, h, low, c, v) in zip(SECONDS[::-1], PRICES[::-1], strict=True)
        ]}), {"calendar": "XNYS"},
    ),
    "glassnode": (
        json.dumps([{"t": s, "v": v, "o": {"o": o, "h": h, "l": low, "c": c}}
                    for s, (o, h, low, c, v) in zip(SECONDS, PRICES, strict=True)]), {},
    ),
    "finam, years of two digits": (
        "<TICKER>;<PER>;<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>\n"
        + lines("ACME;D;{d:%y%m%d};0;{o};{h};{l};{c};{v}"), {},
    ),
    "single quotes": (
        "'Date','Open','High','Low','Close','Volume'\n" + lines("'{d:%b %d, %Y}','{o}','{h}','{l}','{c}','{v:,}'"), {},
    ),
    "tradestation": (
        '"Date","Time","Open","High","Low","Close","Up","Down"\n' + lines("{d:%m/%d/%Y},16:00,{o},{h},{l},{c},{v},0")
        .replace(",1500,0", ",600,900"), {"day_first": False},
    ),
    "degiro": ("Datum;Open;Hoogste;Laagste;Slot;Volume\n" + lines("{d:%Y-%m-%d};{o};{h};{l};{c};{v}"), {}),
    "xetra": (
        "ISIN,Currency,Date,StartPrice,MaxPrice,MinPrice,EndPrice,TradedVolume\n"
        + lines("DE1,EUR,{d:%Y-%m-%d},{o},{h},{l},{c},{v}"), {},
    ),
    "taipei exchange": (
        "日 期,成交仟股,成交仟元,開盤,最高,最低,收盤,漲跌,筆數\n"
        + lines("113/{d:%m/%d},{k},9,{o},{h},{l},{c},0.1,5"), {},
    ),
    "years of the Republic of China in words": (
        "日期,成交股數,開盤價,最高價,最低價,收盤價\n" + lines("113年{d:%m}月{d:%d}日,{v},{o},{h},{l},{c}"), {},
    ),
    "years of the Buddhist era": (
        HEADER + lines("{d:%d/%m}/2567,{o},{h},{l},{c},{v}"), {"day_first": True},
    ),
    "missing values of SAS and MySQL": (
        HEADER.replace("\n", ",Dividends\n") + lines("{d:%Y-%m-%d},{o},{h},{l},{c},{v},.")
        + "2024-01-09,\\N,.,.,.,.,.\n",
        {},
    ),
    "semicolons among the notes": (
        HEADER.replace("\n", ",Note\n") + lines("{d:%Y-%m-%d},{o},{h},{l},{c},{v},a;b;c"), {},
    ),
    "units below the names": (
        HEADER + ",USD,USD,USD,USD,shares\n" + lines("{d:%Y-%m-%d},{o},{h},{l},{c},{v}"), {},
    ),
    "csmar": (
        "Stkcd,Trddt,Opnprc,Hiprc,Loprc,Clsprc,Dnshrtrd\n证券代码,交易日期,日开盘价,日最高价,日最低价,日收盘价,日个股交易股数\n"
        "没有单位,没有单位,元/股,元/股,元/股,元/股,股\n" + lines("000001,{d:%Y-%m-%d},{o},{h},{l},{c},{v}"), {},
    ),
    "highest and lowest prices": (
        "Trading Date,Opening Price,Highest Price,Lowest Price,Closing Price,Volume\n"
        + lines("{d:%Y-%m-%d},{o},{h},{l},{c},{v}"), {},
    ),
    "quantities": (
        "TRADE_DATE,OPEN_PRICE,HIGH_PRICE,LOW_PRICE,CLOSE_PRICE,TRADED_QTY\n"
        + lines("{d:%d-%b-%y},{o},{h},{l},{c},{v}"), {},
    ),
    "exponents with a decimal comma": (
        HEADER.replace(",", ";") + lines("{d:%Y-%m-%d};{o:E};{h:E};{l:E};{c:E};{v}").replace(".", ","), {},
    ),
    "bitfinex": ("MTS,OPEN,CLOSE,HIGH,LOW,VOLUME\n" + lines("{ms},{o},{c},{h},{l},{v}"), {}),
    "FIX times": (HEADER + lines("{d:%Y%m%d}-00:00:00Z,{o},{h},{l},{c},{v}"), {}),
    "inches among the notes": (
        HEADER.replace("\n", ",Note\n") + lines('{d:%Y-%m-%d},{o},{h},{l},{c},{v},5" pipe'), {},
    ),
    "kraken's API": (
        json.dumps({"error": [], "result": {"XXBTZUSD": _KRAKEN, "last": 1704672000}}), {"calendar": "XNYS"},
    ),
}  # fmt: skip


ORDERS = {
    # as Coinbase, Bitfinex, KuCoin, Gate, IQFeed and QuantQuote publish them
    "low, high, open, close": "{s},{l},{h},{o},{c},{v}",
    "open, close, high, low": "{s},{o},{c},{h},{l},{v}",
    "with the money after the volume": "{s},{o},{c},{h},{l},{v},{m}",
    "the money first": "{s},{m},{c},{h},{l},{o},{v},true",
    "high, low, open, close": "{d:%Y-%m-%d},{h},{l},{o},{c},{v},0",
    "with a time of day": "{d:%Y%m%d},0,{o},{h},{l},{c},{v},1.0,0,0",
    "with a symbol and a period": "ACME,D,{d:%Y%m%d},000000,{o},{h},{l},{c},{v}",
    "month first": "{d:%m/%d/%Y},{o},{h},{l},{c},{v}",
}


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("order", ORDERS)
def test_prices_without_a_header_are_read_in_the_only_order_that_fits(
    tmp_path: Path, order: str, newest_first: bool
) -> None:
    rows_of = lines(ORDERS[order].replace("{m}", "{v}0")).splitlines()  # ten times the volume: about the money
    options = {"day_first": False} if order == "month first" else {}
    check(read(tmp_path, "\n".join(rows_of[::-1] if newest_first else rows_of) + "\n", calendar="XNYS", **options))


def test_of_two_columns_that_may_be_the_volume_one_is_asked_for(tmp_path: Path) -> None:
    text = "".join(f"{row},{n}\n" for n, row in enumerate(lines("{d:%Y-%m-%d},{h},{l},{o},{c},{v}").splitlines()))
    with pytest.raises(ForecastError, match="--header time,high,low,open,close,volume,other"):
        read(tmp_path, text)
    check(read(tmp_path, text, header=("time", "high", "low", "open", "close", "volume", "other")))


_COLUMNS = ["date", "open", "high", "low", "close", "volume"]
_ROWS = [[day, *line] for day, line in zip(DAYS, PRICES, strict=True)]
_BY_DAY = {day: dict(zip(_COLUMNS[1:], line, strict=True)) for day, *line in _ROWS}

DOCUMENTS: dict[str, object] = {
    "columns and rows beside others": {
        "history": {"metadata": {"open": {"type": "double"}}, "columns": _COLUMNS, "data": _ROWS},
        "history.cursor": {"columns": ["INDEX", "TOTAL", "PAGESIZE"], "data": [[0, 5, 100]]},
    },
    "columns of names": {"datatable": {"data": _ROWS, "columns": [{"name": name} for name in _COLUMNS]}, "meta": {}},
    "an index beside rows": {"columns": _COLUMNS[1:], "index": DAYS, "data": [row[1:] for row in _ROWS]},
    "cells by column and row": {n: {day: row[n] for day, row in _BY_DAY.items()} for n in _COLUMNS[1:]},
    "rows by day": _BY_DAY,
    "rows deep inside": {"data": {"table": {"headers": {"a": "b"}, "rows": [{"date": d} | _BY_DAY[d] for d in DAYS]}}},
    "rows inside of one row": {"results": [{"symbol": "ACME", "rows": [{"date": d} | _BY_DAY[d] for d in DAYS]}]},
}


@pytest.mark.parametrize("form", DOCUMENTS)
def test_tables_are_found_in_documents(tmp_path: Path, form: str) -> None:
    check(read(tmp_path, json.dumps(DOCUMENTS[form]), name="f.json"))


@pytest.mark.parametrize("form", ["by symbol", "by row", "of lists"])
def test_several_symbols_in_a_document_are_not_joined(tmp_path: Path, form: str) -> None:
    rows_of = [{"date": d} | _BY_DAY[d] for d in DAYS]
    document: object = {"bars": {"ACME": rows_of, "BETA": rows_of}}
    if form == "by row":
        document = {"results": [{"symbol": symbol, "rows": rows_of} for symbol in ("ACME", "BETA")]}
    if form == "of lists":
        document = dict.fromkeys(("ACME", "BETA"), _ROWS)
    text = json.dumps(document)
    with pytest.raises(ForecastError, match=r"2 values in column 'symbol' \(ACME, BETA\)"):
        read(tmp_path, text, name="f.json")
    check(read(tmp_path, text, name="f.json", where={"symbol": "BETA"}))


def test_yahoo_s_chart_is_read_with_its_actions_and_without_the_day_that_goes_on(tmp_path: Path) -> None:
    opens = [int(pd.Timestamp(f"{day} 14:30").timestamp()) for day in (*DAYS, "2024-01-09")]
    cells = {
        name: [line[n] for line in (*PRICES, PRICES[-1])]
        for n, name in enumerate(("open", "high", "low", "close", "volume"))
    }
    paid, split = ({str(moment): {"date": moment}} for moment in (opens[2], opens[3]))
    paid[str(opens[2])]["amount"] = 0.5  # type: ignore[assignment]
    split[str(opens[3])] |= {"numerator": 4, "denominator": 1}
    chart = {
        "meta": {
            "currency": "USD", "symbol": "ACME", "regularMarketTime": opens[-1] + 3600,
            "currentTradingPeriod": {"regular": {"start": opens[-1], "end": opens[-1] + 23_400}},
        },
        "timestamp": [*opens[:-1], opens[-1] + 3600],
        "indicators": {"quote": [cells], "adjclose": [{"adjclose": [0.9 * close for close in cells["close"]]}]},
        "events": {"dividends": paid, "splits": split},
    }  # fmt: skip
    delivery = read(tmp_path, json.dumps({"chart": {"result": [chart], "error": None}}), name="f.json")
    assert delivery.actions is not None
    assert (delivery.prices.currency, "unfinished bars left out: 1" in delivery.report.notes) == ("USD", True)
    assert [str(day)[:10] for day in delivery.actions.ex_at] == list(DAYS[2:4])
    assert delivery.actions.split.tolist() == [1.0, 4.0]
    assert np.allclose(delivery.prices.close, [40.8, 42.0, 41.2, 10.8, 10.9])  # type: ignore[union-attr]
    assert np.allclose(delivery.actions.dividend, [2.0, 0.0])


@pytest.mark.parametrize("vendor", BARS)
def test_bars_are_read_by_the_columns_that_vendors_publish(tmp_path: Path, vendor: str) -> None:
    text, options = BARS[vendor]
    check(read(tmp_path, text, **options))


def test_bars_that_are_not_finished_are_left_out(tmp_path: Path) -> None:
    candles = [*_CANDLES, _CANDLES[0] | {"time": "2024-01-09T05:00:00.000000000Z", "complete": False}]
    delivery = read(tmp_path, json.dumps({"candles": candles}))
    check(delivery)
    assert "unfinished bars left out: 1" in delivery.report.summary()


def test_volumes_of_hong_kong_are_shares_as_what_was_paid_says(tmp_path: Path) -> None:
    text = "日期,开盘,收盘,最高,最低,成交量,成交额\n" + "".join(
        f"{day},{o},{c},{h},{low},{v},{v * c:.0f}\n" for day, (o, h, low, c, v) in zip(DAYS, PRICES, strict=True)
    )
    check(read(tmp_path, text))


def test_the_factor_of_a_split_in_japan_is_a_split(tmp_path: Path) -> None:
    text = "Date,Code,Open,High,Low,Close,Volume,AdjustmentFactor,AdjustmentClose\n" + "".join(
        f"2024-01-{day},8697,{p},{p + 1},{p - 1},{p},1000,{factor},50\n"
        for day, p, factor in (("02", 100, 1), ("03", 101, 1), ("04", 50, 0.5), ("05", 51, 1))
    )
    delivery = read(tmp_path, text)
    assert delivery.actions is not None
    assert delivery.actions.split.tolist() == [2.0]
    assert str(delivery.actions.ex_at[0])[:10] == "2024-01-04"
    assert isinstance(delivery.prices, Bars)
    assert delivery.prices.close.tolist() == [100, 101, 50, 51]


_SPLIT = [(2, 2), (2, 2), (1, 1), (1, 1), (1, 1)]  # two for one before the third session


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("PERMNO,date,BIDLO,ASKHI,PRC,VOL,CFACPR,CFACSHR,OPENPRC,DIVAMT", "1,{d},{l},{h},{c},{v},{f},{f},{o},{p}"),
        ("PERMNO,DlyCalDt,DlyOpen,DlyHigh,DlyLow,DlyClose,DlyVol,DlyCumFacPr", "1,{d},{o},{h},{l},{c},{v},{f}"),
        ("gvkey,iid,datadate,ajexdi,cshtrd,prccd,prchd,prcld,prcod", "1,01,{d},{f},{v},{c},{h},{l},{o}"),
    ],
)
def test_cumulative_factors_are_splits(tmp_path: Path, header: str, form: str, newest_first: bool) -> None:
    rows_of = [
        form.format(d=day, o=o * k, h=h * k, l=low * k, c=c * k, v=v, f=f, p=0.25 if day == DAYS[3] else "") + "\n"
        for day, (o, h, low, c, v), (k, f) in zip(DAYS, PRICES, _SPLIT, strict=True)
    ]
    delivery = read(tmp_path, header + "\n" + "".join(rows_of[::-1] if newest_first else rows_of))
    assert delivery.actions is not None
    assert isinstance(delivery.prices, Bars)
    paid = [0.0, 0.25] if "DIVAMT" in header else [0.0]
    assert (delivery.actions.split.tolist(), delivery.actions.dividend.tolist()) == ([2.0, 1.0][: len(paid)], paid)
    assert delivery.prices.close.tolist() == [20.4, 21.0, 10.3, 10.8, 10.9]  # as traded


def test_rows_that_are_no_bars_are_left_out_of_one_symbol_among_several(tmp_path: Path) -> None:
    text = "PERMNO,date,BIDLO,ASKHI,PRC,VOL,OPENPRC\n" + lines("1,{d:%Y%m%d},{l},{h},{c},{v},{o}")
    text += lines("2,{d:%Y%m%d},{l},{h},-{c},{v},{o}").replace("-10.9", "10.9")  # a traceback
    path = tmp_path / "f.csv"
    path.write_text(text)
    check(source.read("1", files=[path], several=True))
    assert len(source.read("2", files=[path], several=True).prices) == 1


def test_rows_without_any_price_and_volume_are_left_out_and_counted(tmp_path: Path) -> None:
    nothing = "2024-01-01,#N/A N/A,#N/A N/A,#N/A N/A,#N/A N/A,#N/A Field Not Applicable\n,,,,,\n2024-01-09,,,,,0\n"
    delivery = read(tmp_path, HEADER + nothing + lines("{d:%Y-%m-%d},{o},{h},{l},{c},{v}"))
    check(delivery)
    assert "rows without any price or volume left out: 3" in delivery.report.notes
    with pytest.raises(ForecastError, match="1 missing open"):
        read(tmp_path, HEADER + "2024-01-09,,,,,5\n" + lines("{d:%Y-%m-%d},{o},{h},{l},{c},{v}"))


def test_years_of_two_digits_in_taiwan_are_counted_from_1912(tmp_path: Path) -> None:
    days = ("99/12/29", "99/12/30", "99/12/31", "100/01/03", "100/01/04")  # 99 was 1999
    text = "日期,成交股數,成交金額,開盤價,最高價,最低價,收盤價\n" + "".join(
        f"{day},{v},9,{o},{h},{low},{c}\n" for day, (o, h, low, c, v) in zip(days, PRICES, strict=True)
    )
    opened = read(tmp_path, text).prices.opened_at  # type: ignore[union-attr]
    assert [str(day)[:10] for day in opened[[0, 3]]] == ["2010-12-29", "2011-01-03"]


def _cotahist(day: str, code: str, line: tuple[float, ...], *, unit: int = 1, market: str = "010") -> str:
    o, h, low, c, v = line
    prices = "".join(f"{round(100 * unit * price):013d}" for price in (o, h, low, low, c, 0, 0))
    start = f"01{day.replace('-', '')}02{code:12}{market}{'ACME':12}{'ON':10}   R$  {prices}"
    return f"{start}00005{v:018.0f}{0:018d}{0:013d}099991231{unit:07d}{0:013d}BRACMEACNOR1107\n"


@pytest.mark.parametrize("unit", [1, 1000])
def test_the_history_of_b3_is_read_from_columns_of_fixed_width(tmp_path: Path, unit: int) -> None:
    text = f"{'00COTAHIST.2024BOVESPA 20240108':245}\n" + "".join(
        _cotahist(day, "ACME3", line, unit=unit)
        + _cotahist(day, "BETA4", (7, 7, 7, 7, 7))
        + _cotahist(day, "ACMEA10", (1, 1, 1, 1, 1), market="070")
        for day, line in zip(DAYS, PRICES, strict=True)
    )
    with pytest.raises(ForecastError, match=r"2 values in column 'codneg' \(ACME3, BETA4\)"):
        read(tmp_path, text)
    delivery = read(tmp_path, text, where={"codneg": "ACME3"})
    check(delivery)
    assert (delivery.prices.currency, delivery.prices.calendar) == ("BRL", "BVMF")


def test_minutes_of_refinitiv_are_in_gmt_where_their_names_say_so(tmp_path: Path) -> None:
    text = "#RIC,Date[G],Time[G],GMT Offset,Open,High,Low,Last,Volume\n" + "".join(
        f"ACME.N,02-JAN-2024,14:{30 + n}:00.000,-5,{o},{h},{low},{c},{v}\n"
        for n, (o, h, low, c, v) in enumerate(PRICES)
    )
    assert str(read(tmp_path, text, interval="1m").prices.opened_at[0])[:16] == "2024-01-02T14:30"  # type: ignore[union-attr]
    with pytest.raises(ForecastError, match="Expected the time zone"):
        read(tmp_path, text.replace("[G]", "[L]"), interval="1m")


def test_hours_of_a_12_hour_clock_are_read(tmp_path: Path) -> None:
    hours = ("11-PM", "12-PM", "01-AM", "12-AM")
    text = "Date,Symbol,Open,High,Low,Close,Volume BTC\n" + "".join(f"2024-01-02 {h},X,1,1,1,1,1\n" for h in hours)
    opened = read(tmp_path, text, interval="1h", tz="UTC", calendar="24/7").prices.opened_at  # type: ignore[union-attr]
    assert [int(str(moment)[11:13]) for moment in opened] == [0, 1, 12, 23]


@pytest.mark.parametrize("name", ["Scrip", "Stock Symbol", "Contract Month", "Strike Price", "ISIN Code", "iid"])
def test_two_that_follow_each_other_are_told_by_any_name_of_an_identity(tmp_path: Path, name: str) -> None:
    text = f"Date,{name},Open,High,Low,Close,Volume\n" + lines("{d:%Y-%m-%d},AB1,{o},{h},{l},{c},{v}")
    check(read(tmp_path, text))
    with pytest.raises(ForecastError, match=rf"2 values in column '{name}' \(AB1, AB2\).*--where '?{name}=AB1"):
        read(tmp_path, text + "2024-01-09,AB2,1,1,1,1,1\n")


def test_two_symbols_without_a_header_are_not_joined(tmp_path: Path) -> None:
    with pytest.raises(ForecastError, match=r"2 values in column 'symbol' \(ACME, BETA\)"):
        read(tmp_path, lines("ACME,{d:%Y%m%d},{o},{h},{l},{c},{v}") + "BETA,20240109,10.9,11,10.6,10.9,5\n")


def test_minutes_in_the_form_of_histdata_with_volumes_need_their_zone(tmp_path: Path) -> None:
    rows = "".join(f"20240102 09{31 + n}00;{o};{h};{low};{c};{v}\n" for n, (o, h, low, c, v) in enumerate(PRICES))
    with pytest.raises(ForecastError, match="--tz America/New_York"):
        read(tmp_path, rows, interval="1m")
    bars = read(tmp_path, rows, interval="1m", tz="America/New_York", stamp="end").prices
    assert (bars.calendar, str(bars.opened_at[0])) == ("XNYS", "2024-01-02T14:30:00.000000000")  # type: ignore[union-attr]


def test_a_bar_that_ends_at_midnight_may_say_24_hours(tmp_path: Path) -> None:
    text = HEADER + "".join(f"2024-01-02 {time},10,10,10,10,1\n" for time in ("23:58", "23:59", "24:00"))
    bars = read(tmp_path, text, interval="1m", tz="UTC", calendar="24/7", stamp="end").prices
    assert str(bars.opened_at[-1]) == "2024-01-02T23:59:00.000000000"  # type: ignore[union-attr]
    with pytest.raises(ForecastError, match="a time of day that exists in row 3"):
        read(tmp_path, text.replace("24:00", "24:01"), interval="1m", tz="UTC", calendar="24/7")


TAPES: dict[str, tuple[str, list[float], list[float]]] = {
    "polygon's trades": (
        "ticker,conditions,correction,exchange,id,participant_timestamp,price,sip_timestamp,size\n"
        'ACME,"12,37",,11,1,1704205800000000000,10.1,1704205800000000100,100\n'
        "ACME,,0,12,2,1704205801000000000,10.2,1704205801000000100,200\n"
        "ACME,,7,12,2,1704205801000000000,9,1704205801000000100,2\n",
        [10.1, 10.2], [],
    ),
    "okx": (
        "instrument_name,trade_id,side,price,size,created_time\nACME,1,buy,10.1,5,1704205800000\n"
        "ACME,2,sell,10.2,5,1704205800100\n", [10.1, 10.2], [],
    ),
    "kdb+": (
        "timestamp,symbol,side,size,price\n2024-01-02D14:30:00.123456789,ACME,Buy,5,10.1\n"
        "2024-01-02D14:30:01.123456789,ACME,Sell,5,10.2\n", [10.1, 10.2], [],
    ),
    "databento's mbp-1": (
        "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,price,size,bid_px_00,ask_px_00,bid_sz_00,"
        "ask_sz_00\n1,1704205800000000000,1,2,77,A,B,10000000000,100,10000000000,10200000000,1,1\n"
        "1,1704205801000000000,1,2,77,T,B,10200000000,50,10000000000,10200000000,1,1\n"
        "1,1704205802000000000,1,2,77,C,B,10000000000,50,9900000000,10200000000,1,1\n", [10.2], [10.0, 9.9],
    ),
    "databento's mbo": (
        "ts_event,rtype,publisher_id,instrument_id,action,side,price,size\n"
        "1704205800000000000,160,2,77,A,B,10000000000,100\n1704205801000000000,160,2,77,T,B,10200000000,50\n"
        "1704205801000000000,160,2,77,F,A,10200000000,50\n", [10.2], [],
    ),
    "binance's best quotes": (
        "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time\n"
        "1,10.1,5,10.2,3,1704205800000,1704205800001\n", [], [10.1],
    ),
    "taq by wrds": (
        "DATE,TIME_M,EX,SYM_ROOT,SYM_SUFFIX,TR_SCOND,SIZE,PRICE,TR_CORR\n"
        "20240102,9:30:00.123456789,N,ACME,,@,100,10.1,00\n", [10.1], [],
    ),
    "times of SAS": ("date,price,size\n02JAN2024:14:30:00.123,10.1,100\n", [10.1], []),
    "times of Go": ("time,price,size\n2024-01-02 14:30:00.123 +0000 UTC,10.1,100\n", [10.1], []),
    "london": ("Trade Date,Trade Time,Price,Size\n2024-01-02,14:30:01,10.1,100\n", [10.1], []),
    "FIX times": ("time,price,size\n20240102-14:30:00.123,10.1,100\n", [10.1], []),
    "polygon's quotes": (
        "ticker,ask_exchange,ask_price,ask_size,bid_exchange,bid_price,bid_size,sip_timestamp\n"
        "ACME,11,10.2,3,12,10.1,5,1704205800000000000\n", [], [10.1],
    ),
    "alpaca's quotes": (
        "t,ax,ap,as,bx,bp,bs,c,z\n2024-01-02T14:30:00.123Z,V,10.2,3,V,10.1,5,R,C\n", [], [10.1],
    ),
    "metatrader's ticks": (
        "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>\n2024.01.02\t14:30:00.123\t1.1\t1.2\t\t\t6\n"
        "2024.01.02\t14:30:01.123\t1.11\t\t\t\t2\n2024.01.02\t14:30:02.123\t\t1.21\t\t\t4\n", [], [1.1, 1.11, 1.11],
    ),
    "truefx": ("".join(f"EUR/USD,20240102 14:30:0{n}.123,1.08{n},1.09\n" for n in range(3)), [], [1.08, 1.081, 1.082]),
    "histdata's ticks": (
        "".join(f"20240102 09310{n}123,1.08{n},1.09,0\n" for n in range(3)), [], [1.08, 1.081, 1.082],
    ),
}  # fmt: skip


@pytest.mark.parametrize("vendor", TAPES)
def test_trades_and_quotes_are_read_by_the_columns_that_vendors_publish(tmp_path: Path, vendor: str) -> None:
    text, trades, bids = TAPES[vendor]
    delivery = read(tmp_path, text, tz="America/New_York" if "9:30" in text else "UTC")
    quotes = delivery.prices if isinstance(delivery.prices, Quotes) else delivery.quotes
    assert (delivery.prices.price.tolist() if isinstance(delivery.prices, Ticks) else []) == trades
    assert ([] if quotes is None else quotes.bid.tolist()) == bids


def test_quotes_among_trades_are_asked_about(tmp_path: Path) -> None:
    text = (
        "Date,Timestamp,EventType,Ticker,Price,Quantity\n20240102,09:30:00.123,QUOTE BID,ACME,10.0,100\n"
        "20240102,09:30:00.223,TRADE,ACME,10.1,100\n"
    )
    with pytest.raises(ForecastError, match=r"rows of one kind.*--where EventType=TRADE"):
        read(tmp_path, text, tz="America/New_York")
    ticks = read(tmp_path, text, tz="America/New_York", where={"EventType": "TRADE"}).prices
    assert isinstance(ticks, Ticks)
    assert (ticks.price.tolist(), str(ticks.time[0])) == ([10.1], "2024-01-02T14:30:00.223000000")


def test_rows_of_a_book_beside_trades_have_no_price(tmp_path: Path) -> None:
    text = "time,event_type,price,size,bid,ask\n2024-01-02 14:30:01,book,,,10.0,10.2\n"
    delivery = read(tmp_path, text + "2024-01-02 14:30:02,trade,10.1,5,,\n", tz="UTC")
    assert isinstance(delivery.prices, Ticks)
    assert delivery.quotes is not None
    assert (delivery.prices.price.tolist(), delivery.quotes.bid.tolist()) == ([10.1], [10.0])
    assert isinstance(read(tmp_path, text, tz="UTC").prices, Quotes)


def test_one_s_own_orders_are_no_trades_of_the_market(tmp_path: Path) -> None:
    text = '"Symbol","DateTime","Quantity","TradePrice"\n"ACME","20240102;093000","100","10.1"\n'
    with pytest.raises(ForecastError, match=r"1 negative size \(first: row 2\)"):
        read(tmp_path, text + '"ACME","20240102;093100","-100","10.2"\n', tz="America/New_York")


LEAN: dict[str, tuple[str, list[str], list[float]]] = {
    # path below Lean's data folder: text; first time and calendar; closes, trades or bids
    "equity/usa/minute/spy/20131007_trade.csv": (
        "34200000,1449300,1450000,1440000,1449900,100\n", ["2013-10-07T13:30:00", "XNYS"], [144.99],
    ),
    "equity/usa/minute/spy/20131007_quote.csv": (
        "34200000,1449300,1450000,1440000,1449900,3,1449400,1450100,1440100,1450000,5\n",
        ["2013-10-07T13:30:00", "XNYS"], [144.99],
    ),
    "equity/usa/tick/spy/20131007_trade.csv": (
        "34200000.367,1449300,100,P,00000001,0\n", ["2013-10-07T13:30:00.000367", "XNYS"], [144.93],
    ),
    "equity/usa/tick/spy/20131007_quote.csv": (  # each row is of one side
        "34200000,1449300,100,0,0,P,1,0\n34200001,0,0,1449500,200,P,1,0\n34200002,1449400,100,0,0,P,1,0\n",
        ["2013-10-07T13:30:00.001", "XNYS"], [144.93, 144.94],
    ),
    "crypto/coinbase/minute/btcusd/20180404_trade.csv": (
        "60000,7000,7001,6999,7000,1.5\n", ["2018-04-04T00:01:00", "24/7"], [7000],
    ),
    "crypto/coinbase/tick/btcusd/20180404_trade.csv": (
        "86400,232.40,93.1\n", ["2018-04-04T00:01:26.400", "24/7"], [232.4],
    ),
    "crypto/coinbase/tick/btcusd/20180404_quote.csv": (
        "86400,232.40,20392.0,232.42,8059.5\n", ["2018-04-04T00:01:26.400", "24/7"], [232.4],
    ),
    "forex/oanda/minute/eurusd/20140501_quote.csv": (
        "60000,1.38,1.39,1.37,1.385,0,1.39,1.40,1.38,1.395,0\n", ["2014-05-01T00:01:00", "24/5"], [1.385],
    ),
    "forex/fxcm/tick/eurusd/20140501_quote.csv": (
        "92000,1.38,1.39\n", ["2014-05-01T05:01:32", "24/5"], [1.38],
    ),
}  # fmt: skip


@pytest.mark.parametrize("place", LEAN)
def test_prices_of_lean_are_scaled_and_timed_by_their_folder(tmp_path: Path, place: str) -> None:
    text, (first, calendar), expected = LEAN[place]
    (tmp_path / place).parent.mkdir(parents=True)
    prices = read(tmp_path, text, name=place, shape="lean", interval="1m").prices
    values = {Bars: "close", Ticks: "price", Quotes: "bid"}[type(prices)]
    times = prices.opened_at if isinstance(prices, Bars) else prices.time
    assert np.allclose(getattr(prices, values), expected, rtol=1e-12)
    assert (times[0], prices.calendar) == (np.datetime64(first), calendar)
