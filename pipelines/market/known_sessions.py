"""Sessions that exchanges published, to find a calendar that has lost some: holidays, half days, special sessions.

Calendars come from another package, whose rules are read by pandas: a new version of either has dropped sessions in
silence. Each line is a fact that an exchange announced, by hand; the tests hold every mapped calendar to them.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class KnownSession:
    """close: on the exchange's own clock, "" where only the day is known, "closed" where it did not trade."""

    calendar: str
    date: str
    close: str
    source: str


_TABLE = """
XNYS  2001-09-12  closed  attacks of 11 September
XNYS  2018-12-05  closed  day of mourning for G. H. W. Bush
XNYS  2024-07-03  13:00   NYSE holidays and trading hours 2024
XNYS  2024-11-29  13:00   NYSE holidays and trading hours 2024
XNYS  2025-01-09  closed  day of mourning for J. Carter
XLON  2022-09-19  closed  state funeral of Elizabeth II
XLON  2023-05-08  closed  coronation bank holiday
XLON  2024-12-24  12:30   LSE trading days 2024
XETR  2024-10-03         Xetra trades on Unity Day
XETR  2024-12-30  14:00   Deutsche Boerse trading calendar 2024
XFRA  2024-12-24  closed  Deutsche Boerse trading calendar 2024
XFRA  2024-10-03         Frankfurt trades on Unity Day
XPAR  2024-05-01  closed  Euronext calendar 2024
XPAR  2024-12-24  14:05   Euronext calendar 2024
XAMS  2024-05-09         Euronext trades on Ascension Day
XAMS  2024-12-31  14:05   Euronext calendar 2024
XBRU  2024-07-21  closed  a Sunday
XBRU  2024-12-24  14:05   Euronext calendar 2024
XLIS  2024-04-25         Euronext calendar 2024
XLIS  2024-05-01  closed  Euronext calendar 2024
XDUB  2024-05-06  closed  Euronext calendar 2024, Dublin's bank holiday
XMIL  2024-08-15  closed  Borsa Italiana calendar 2024
XMIL  2024-12-24  closed  Borsa Italiana calendar 2024
XMAD  2024-12-24  14:00   BME calendar 2024
XMAD  2024-05-01  closed  BME calendar 2024
XSWX  2024-08-01  closed  SIX trading calendar 2024, National Day
XSWX  2024-05-20  closed  SIX trading calendar 2024, Whit Monday
XWBO  2024-12-24  closed  Wiener Boerse calendar 2024
XSTO  2024-06-21  closed  Nasdaq Nordic calendar 2024, Midsummer Eve
XSTO  2024-11-01  13:00   Nasdaq Nordic calendar 2024
XCSE  2023-05-05  closed  Great Prayer Day, the last one
XCSE  2024-04-26         Great Prayer Day is abolished
XHEL  2024-12-06  closed  Nasdaq Nordic calendar 2024, Independence Day
XOSL  2024-05-17  closed  Euronext calendar 2024, Constitution Day
XICE  2024-04-25  closed  Nasdaq Nordic calendar 2024, First Day of Summer
XTSE  2024-09-30         TSX trades on the Day for Truth and Reconciliation
XTSE  2024-12-24  13:00   TMX calendar 2024
XASX  2022-09-22  closed  day of mourning for Elizabeth II
XASX  2024-12-24  14:10   ASX trading calendar 2024
XNZE  2022-09-26  closed  Elizabeth II Memorial Day
XNZE  2024-06-28  closed  NZX calendar 2024, Matariki
XTKS  2019-04-30  closed  abdication of Akihito
XTKS  2024-11-01  15:00   the last session that ended at 15:00 (JPX, arrowhead 4.0)
XTKS  2024-11-05  15:30   the first session that ended at 15:30 (JPX, arrowhead 4.0)
XHKG  2023-07-17  closed  typhoon Talim
XHKG  2024-12-24  12:00   HKEX calendar 2024
XSHG  2020-01-31  closed  New Year's holiday extended (epidemic)
XSHG  2024-02-09  closed  SSE calendar 2024
XKRX  1998-12-05         the last Saturday on which Seoul traded
XKRX  1998-12-12  closed  Saturdays end on 7 December 1998
XKRX  2024-10-01  closed  Armed Forces Day, declared a holiday for 2024
XTAI  2024-07-25  closed  typhoon Gaemi
XBOM  2024-01-20         a Saturday in place of Monday, 22 January 2024
XBOM  2024-01-22  closed  consecration at Ayodhya
XBOM  2025-02-01         budget of the Union, a Saturday
XSES  2023-09-01  closed  presidential election
XIDX  2024-02-14  closed  general election
XKLS  2024-02-09  12:30   Bursa Malaysia calendar 2024
XBKK  2024-04-12  closed  SET holidays 2024, Songkran
BVMF  2024-02-12  closed  B3 calendar 2024, Carnival
BVMF  2024-11-20  closed  Consciencia Negra, national from 2024
XMEX  2024-03-18  closed  BMV calendar 2024, Benito Juarez
XBUE  2024-04-02  closed  BYMA calendar 2024, Malvinas Day
XSGO  2024-09-20  closed  Bolsa de Santiago calendar 2024
XJSE  2024-09-24  closed  JSE calendar 2024, Heritage Day
XTAE  2024-10-03  closed  TASE calendar 2024, Rosh Hashanah
XTAE  2025-12-28         TASE traded on Sundays to 4 January 2026
XTAE  2026-01-09         TASE trades on Fridays from 9 January 2026
XTAE  2026-01-11  closed  TASE trades on no Sunday from 2026
XSAU  2024-01-07         Riyadh trades on Sundays
XSAU  2024-09-23  closed  National Day
XIST  2023-02-09  closed  earthquake of 6 February 2023
XIST  2024-10-29  closed  Republic Day
ASEX  2024-05-03  closed  Athens, Orthodox Good Friday
ASEX  2024-03-29  closed  Athens, Good Friday
ASEX  2024-05-02         Athens, a plain session
XPRA  2024-12-24  closed  Prague calendar 2024
XBUD  2024-08-19  closed  Budapest calendar 2024, bridge to St Stephen's Day
XWAR  2024-11-11  closed  GPW calendar 2024, Independence Day
CMES  2024-07-04  12:00   CME Globex equity hours, Independence Day
CMES  2024-12-25  closed  CME Globex holidays
IEPA  2024-12-25  closed  ICE Futures US holidays
24/7  2024-12-25         never closes
24/5  2024-12-25         every weekday
24/5  2024-12-28  closed  a Saturday
"""


def _parsed() -> tuple[KnownSession, ...]:
    sessions = []
    for line in _TABLE.strip().splitlines():
        calendar, date, rest = line.split(maxsplit=2)
        first, _, others = rest.partition(" ")
        close = first if first == "closed" or first[:2].isdigit() else ""
        source = others.strip() if close else rest
        sessions.append(KnownSession(calendar=calendar, date=date, close=close, source=source))
    return tuple(sessions)


KNOWN_SESSIONS = _parsed()


def contradictions(calendar: str) -> list[str]:
    """Where a calendar says something else than its exchange did; empty for one that nothing is known of here.

    Raises:
        ConfigError: a calendar that cannot be built.
    """
    import pandas as pd

    from pipelines.market import calendars

    sessions = calendars.schedule(calendar)
    contradicted = []
    for fact in KNOWN_SESSIONS:
        if fact.calendar != calendar:
            continue
        row = int(np.searchsorted(sessions.date, np.datetime64(fact.date, "D")))
        trades = row < len(sessions.date) and str(sessions.date[row]) == fact.date
        actual = "closed"
        if trades:
            actual = pd.Timestamp(sessions.close[row], tz="UTC").tz_convert(sessions.zone).strftime("%H:%M")
        if (fact.close == "closed") == trades or fact.close not in ("", "closed", actual):
            contradicted.append(f"{fact.date}: expected {fact.close or 'a session'} ({fact.source}), got {actual}")
    return contradicted
