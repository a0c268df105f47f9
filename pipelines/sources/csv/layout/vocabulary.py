"""What vendors call the columns of their files, in letters only: what is needed -> its names, the likeliest first."""

import re

TIMES = (
    "candledatetimeutc",
    "datetime", "timestamp", "date", "time", "dt", "day", "openedat", "opentime", "windowstart", "tsevent",
    "tradedate", "tradingdate", "tradingday", "traddt", "quotedate", "pricedate", "indexdate", "gmttime",
    "localtime", "unix", "networkreceivedtime", "unixtime", "unixtimestamp", "epoch", "timestart", "starttime",
    "begin", "barstart", "dateandtime", "datum", "fecha", "日期", "时间", "交易日期", "交易时间", "日時", "日付",
    "zeit", "t", "tsrecv", "transacttime", "data", "tarih", "дата", "날짜", "일자", "日付け", "dates", "datadate",
    "dlycaldt", "dtyyyymmdd", "start", "startsat", "beginsat", "dato", "päivämäärä", "ημερομηνία", "tanggal", "ngày",
    "trddt", "tradetime", "createdtime", "transactiontime", "mts", "actionday",
    "siptimestamp", "participanttimestamp", "datetimeutc",
)  # fmt: skip
DATES = (
    "date", "dtyyyymmdd", "tradedate", "datum", "data", "fecha", "日期", "日付", "日付け", "날짜", "дата", "tarih",
    "dato", "actionday", "dateg", "datel",
)  # fmt: skip
CLOCKS = (
    "time", "timestamp", "timebarstart", "timeofday", "minute", "msofday", "seconds", "secondsofday",
    "uhrzeit", "zeit", "logtime", "updatetime", "tradetime", "quotetime", "timem", "timeg", "timel",
    "heure", "ora", "hora", "tijd", "时间", "時刻", "時間", "시간", "время", "saat",
)  # fmt: skip
PARTS: dict[str, tuple[str, ...]] = {
    "year": ("year", "yr", "yyyy", "yy", "jahr", "año", "ano", "année", "annee", "anno", "年", "calendaryear"),
    "month": ("month", "mon", "mth", "mm", "mo", "monat", "mes", "mês", "mois", "mese", "月"),
    "day": ("day", "dd", "dayofmonth", "dom", "mday", "tag", "día", "dia", "jour", "giorno", "日"),
    "hour": ("hour", "hr", "hh", "hours", "stunde"),
    "minute": ("minute", "mi", "minutes", "mins", "nn"),
    "second": ("second", "sec", "ss", "seconds", "secs"),
}
"""A date and a time of day in columns of their own."""
BARS: dict[str, tuple[str, ...]] = {
    "open": (
        "ouvert", "kursotwarcia", "開市", "åben", "åpning", "avaus", "άνοιγμα", "pembukaan", "mở", "opnprc",
        "tradeopen", "prezzoapertura", "startprice",
        "otwarcie", "açılış", "откр", "открытие", "시가", "開盤", "開盤價", "ouv", "openen", "eröffn", "öppen",
        "erster", "pxopen", "priceopen", "openprc", "dlyopen", "prcod", "firsttradeprice",
        "open", "o", "openprice", "openingprice", "first", "openindexvalue", "opnpric", "bidopen", "openbid",
        "开盘", "开盘价", "始値", "eröffnung", "eroffnung", "apertura", "ouverture", "abertura",
    ),
    "high": (
        "haut", "kursmax", "højeste", "høj", "høy", "ylin", "υψηλό", "tertinggi", "cao", "höchst",
        "höchstkurs", "hoogste", "maxprice", "highestprice", "hiprc", "tradehigh", "prezzomax",
        "najwyzszy", "najwyższy", "yüksek", "макс", "максимум", "고가", "最高價", "hoog", "高", "högsta",
        "pxhigh", "pricehigh", "askhi", "dlyhigh", "prchd", "hightradeprice",
        "high", "h", "highprice", "max", "highindexvalue", "hghpric", "bidhigh", "highbid", "最高", "最高价",
        "高値", "hoch", "tageshoch", "maximo", "máximo", "plushaut", "máxima", "massimo",
    ),
    "low": (
        "bas", "kursmin", "lav", "alin", "χαμηλό", "terendah", "thấp", "tiefst", "tiefstkurs", "loprc",
        "tradelow", "prezzomin", "laagste", "minprice", "lowestprice",
        "najnizszy", "najniższy", "düşük", "мин", "минимум", "저가", "最低價", "laag", "低", "lägsta",
        "pxlow", "pricelow", "bidlo", "dlylow", "prcld", "lowtradeprice",
        "low", "l", "lowprice", "min", "lowindexvalue", "lwpric", "bidlow", "lowbid", "最低", "最低价", "安値",
        "tief", "tagestief", "minimo", "mínimo", "plusbas", "mínima",
    ),
    "close": (
        "clot", "kurszamknięcia", "收市", "seneste", "siste", "viimeisin", "τελευταία", "terakhir", "lầncuối",
        "slot", "endprice",
        "laatst", "fecho", "schlusspreis", "clsprc", "tradeclose", "prezzochiusura", "closeclosepriceadjustedforsplits",
        "zamkniecie", "zamknięcie", "şimdi", "kapanış", "цена", "закрытие", "종가", "收盤", "收盤價", "dernier",
        "laatste", "slotkoers", "ostatnio", "senaste", "pxlast", "priceclose", "prc", "dlyclose", "prccd", "trdprc",
        "lasttradeprice",
        "close", "c", "closeprice", "closingprice", "closelast", "closingindexvalue", "clspric", "bidclose",
        "closebid", "收盘", "收盘价", "終値", "schluss", "schlusskurs", "zuletzt", "cierre", "chiusura",
        "clôture", "cloture", "fechamento", "último", "ultimo", "latest", "last", "lastprice", "price", "tradeprice",
    ),
    "volume": (
        "quantidade", "quantità", "quantita", "dnshrtrd", "όγκος", "kl", "总手", "ttltradgvol",
        "stuecke", "stücke", "stück", "numberofshares", "noofshares", "wolumen", "wol", "volumen", "hac", "hacim",
        "объём", "объем", "거래량", "成交股數", "交易量", "pxvolume", "acvoluns", "cshtrd", "dlyvol",
        "volume", "vol", "v", "volumeshares", "tradedvolume", "totalvolume", "ttltrdqnty", "tottrdqty",
        "ttltradgvol", "sharestraded", "quantity", "qty", "成交量", "出来高", "volumen", "tickvol", "tickvolume",
        "volumebase",
    ),
}  # fmt: skip
TICKS: dict[str, tuple[str, ...]] = {
    "price": ("price", "px", "tradeprice", "last", "lastprice", "mdentrypx", "p"),
    "size": (
        "size", "volume", "vol", "qty", "quantity", "amount", "shares", "tradesize", "lastsize", "mdentrysize",
        "s", "v",
    ),
}  # fmt: skip
QUOTES: dict[str, tuple[str, ...]] = {
    "bid": ("bid", "bidprice", "bestbid", "bestbidprice", "bidpx", "enbpx", "bp"),
    "ask": (
        "ask",
        "askprice",
        "bestask",
        "bestaskprice",
        "askpx",
        "offer",
        "offerprice",
        "ofr",
        "ofrprice",
        "enspx",
        "ap",
    ),
    "bid_size": (
        *("bidsize", "bidsiz", "bidvolume", "bidvol", "bidqty", "bestbidsize", "bidsz", "bestbidqty"),
        *("bidamount", "bs"),
    ),
    "ask_size": (
        *("asksize", "asksiz", "askvolume", "askvol", "askqty", "bestasksize", "asksz", "bestaskqty"),
        *("offersize", "ofrsiz", "ofrsize", "askamount", "as"),
    ),
}
SPECIAL: dict[str, tuple[str, ...]] = {
    "condition": ("cond", "condition", "conditions", "salecondition", "trsc"),
    "correction": ("corr", "correction", "trcorr", "correctionindicator"),
    "exchange": ("ex", "exchange", "venue"),
}
ACTIONS: dict[str, tuple[str, ...]] = {
    "dividend": (
        *("dividend", "dividends", "exdividend", "divcash", "dividendamount", "divamt", "dlyorddivamt", "divd"),
    ),
    "split": (
        "split",
        "splits",
        "stocksplit",
        "stocksplits",
        "splitratio",
        "splitfactor",
        "splitcoefficient",
        "dlyfacprc",
        "facprc",
    ),
    "cumulative_factor": (
        "cfacpr",
        "dlycumfacpr",
        "ajexdi",
        "cumfacpr",
        "cfadj",
        "cfacshr",
        "dlycumfacshr",
        "cumfacshr",
    ),
    "factor_less_one": ("facpr",),
    "gains": ("capitalgains", "capitalgain"),
}
IDENTITIES = (
    "symbol", "ticker", "name", "tscode", "tickersymbol", "tckrsymb", "instrument", "isin", "code", "stock",
    "stockcode", "security", "asset", "contract", "pair", "sym", "actsymbol", "figi", "ric", "cusip", "sedol",
    "permno", "gvkey", "company", "companyname", "instrumentid", "indexname", "series", "sctysrs", "currencypair",
    "coin", "market", "股票代码", "代码", "名称", "证券代码", "wkn", "firma", "unternehmen", "expiry",
    "expiration", "maturity", "xprydt", "currency", "fininstrmid", "secid", "underlying", "tic", "iid", "boardid",
    "contractmonth", "contractname", "contractcode", "contractid", "optiontype", "optiontyp", "putcall", "stockname",
    "fundname",
    "stkcd", "stkid", "stockid", "stockno", "stkno", "permco", "lpermno", "kypermno", "secucode",
    "indexname", "assetname", "assetid", "codneg",
)  # fmt: skip
IDENTITY_PARTS = re.compile("symbol|ticker|cusip|sedol|security|instrument|strike|^isin|isin$|^scrip|^expir")
NUMBERED = re.compile(r"(?i)(^|[\W_])(id|nr|no|num|number|code|key)$|^(id|stk|stock|firm|company|entity)\w{0,6}$")
"""Columns under other names whose numbers likely name a symbol."""
EVENTS = ("action", "eventtype", "messagetype", "msgtype", "recordtype")
"""Columns that say whether a row is a trade, a quote or an order."""
BOOK = ("isbid", "isask", "level", "depth", "booklevel", "position")
"""Columns of the orders or levels of a book, which trades have not."""
NO_TRADES = frozenset(("bid", "ask", "offer", "quote", "order", "add", "cancel", "modify", "delete", "book"))
"""Cells of rows that are no trades, or may be none."""
UNFINISHED = ("complete", "iscomplete", "isclosed", "isfinal", "confirm")
"""Columns that say whether a bar is finished."""
ENDS = re.compile(
    r"(candle|bar|kline|period|interval)?(close|end)(s|d)?(time|date|at|timestamp|datetime)+|time(close|end)"
)
"""Columns of times at which bars end."""
OF_BARS = (
    "publisherid",
    "exchange",
    "venue",
    "interval",
    "timeframe",
    "freq",
    "frequency",
    "per",
    "period",
    "adjustment",
)
