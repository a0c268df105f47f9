"""Which calendar a Yahoo symbol trades by, from what Yahoo calls its exchange and its time zone."""

from collections.abc import Mapping
from typing import Any

_BY_EXCHANGE = {
    "XNYS": "NMS NGM NCM NYQ ASE PCX BTS PNK OQB OQX OEM OBB NAS NIM NYS SNP DJI WCB CXI",
    "XLON": "LSE IOB FGI",
    "XETR": "GER",
    "XFRA": "FRA STU MUN BER DUS HAM HAN",
    "XPAR": "PAR",
    "XAMS": "AMS",
    "XBRU": "BRU",
    "XLIS": "LIS",
    "XMIL": "MIL",
    "XMAD": "MCE",
    "XSWX": "EBS",
    "XWBO": "VIE",
    "XSTO": "STO",
    "XCSE": "CPH",
    "XHEL": "HEL",
    "XOSL": "OSL",
    "XDUB": "ISE",
    "XICE": "ICE",
    "XTSE": "TOR VAN CNQ NEO",
    "XASX": "ASX",
    "XNZE": "NZE",
    "XTKS": "JPX OSA",
    "XHKG": "HKG",
    "XSHG": "SHH SHZ",
    "XKRX": "KSC KOE",
    "XTAI": "TAI TWO",
    "XBOM": "BSE NSI",
    "XSES": "SES",
    "XIDX": "JKT",
    "XKLS": "KLS",
    "XBKK": "SET",
    "BVMF": "SAO",
    "XMEX": "MEX",
    "XBUE": "BUE",
    "XSGO": "SGO",
    "XJSE": "JNB",
    "XTAE": "TLV",
    "XSAU": "SAU",
    "XIST": "IST",
    "ASEX": "ATH",
    "XPRA": "PRA",
    "XBUD": "BUD",
    "XWAR": "WSE",
    "CMES": "CME CMX NYM CBT",
    "IEPA": "NYB",
    "24/7": "CCC",
    "24/5": "CCY",
}
CALENDARS = tuple(_BY_EXCHANGE)
_EXCHANGES = {name: calendar for calendar, names in _BY_EXCHANGE.items() for name in names.split()}
_BY_KIND = {"CRYPTOCURRENCY": "24/7", "CURRENCY": "24/5"}
_BY_ZONE = {
    "America/New_York": "XNYS",
    "America/Toronto": "XTSE",
    "America/Sao_Paulo": "BVMF",
    "Europe/London": "XLON",
    "Europe/Berlin": "XETR",
    "Europe/Paris": "XPAR",
    "Asia/Tokyo": "XTKS",
    "Asia/Hong_Kong": "XHKG",
    "Asia/Shanghai": "XSHG",
    "Asia/Kolkata": "XBOM",
    "Asia/Seoul": "XKRX",
    "Australia/Sydney": "XASX",
    "UTC": "24/7",
}


def calendar_of(meta: Mapping[str, Any]) -> str:
    """The calendar by kind of instrument, then exchange, then time zone; weekdays for one that is none of these."""
    kind = _BY_KIND.get(str(meta.get("instrumentType")))
    exchange = _EXCHANGES.get(str(meta.get("exchangeName")))
    return kind or exchange or _BY_ZONE.get(str(meta.get("exchangeTimezoneName")), "24/5")
