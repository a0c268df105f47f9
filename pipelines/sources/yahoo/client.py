"""Asking Yahoo through yfinance, patiently: one pace for all requests, retries, and errors told apart.

yfinance 1.7 keeps failed answers in a cache for the life of the process, takes a timeout or a cut-off answer for a
delisted symbol, and puts symbols into the address as they are. So the cache is cleared before each request, exceptions
are not hidden, symbols are quoted, and every answer is looked at before yfinance sees it.
"""

import logging
import random
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pipelines.errors import ForecastError, RateLimitedError, SourceError, TooFewBarsError, UnknownSymbolError

if TYPE_CHECKING:
    import pandas as pd


_CAUSE = re.compile(r"curl: \(\d+\) (.*?)\.? See https?://|\[Errno -?\d+\] ([^')]+)")


class UnreachableError(SourceError):
    """No connection to Yahoo; other symbols need not be tried."""


class _TryAgain(Exception):  # noqa: N818 - control flow between the session and the client
    """An answer that may be better next time. after: seconds that the server asked to wait, if it did."""

    def __init__(
        self, reason: str, *, limited: bool = False, after: float | None = None, unreachable: bool = False
    ) -> None:
        super().__init__(reason)
        self.limited, self.after, self.unreachable = limited, after, unreachable


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often and how long to try. sleep and clock are arguments so that tests need not wait."""

    attempts: int = 5
    first_wait: float = 1.0
    longest_wait: float = 60.0
    pause: float = 0.25
    timeout: float = 15.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random

    def wait(self, attempt: int, requested: float | None) -> float:
        """Seconds before the next try: what the server asked for, else doubling, each time a bit different."""
        if requested is not None:
            return requested
        return min(self.longest_wait, self.first_wait * 2.0**attempt) * (0.5 + 0.5 * self.jitter())


@dataclass(kw_only=True)
class Client:
    """One session and one pace for all symbols.

    Where none of the attempts reached Yahoo, or it still limited requests after all of them, later ones fail at once.

    session: a requests or curl_cffi session, None for yfinance's own (which looks like a browser to Yahoo).
    """

    session: Any = None
    patience: RetryPolicy = field(default_factory=RetryPolicy)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _next: float = 0.0
    _unreachable: str = ""
    _limited: str = ""

    def history(self, symbol: str, **options: Any) -> "tuple[pd.DataFrame, dict[str, Any]]":
        """yfinance's Ticker.history() and the metadata that came with it.

        Raises:
            UnknownSymbolError: Yahoo does not know the symbol.
            RateLimitedError: still limited after all attempts, now or for an earlier symbol.
            UnreachableError: no connection, now or for an earlier symbol.
            SourceError: no usable answer after all attempts.
        """
        if self._unreachable:
            raise UnreachableError(_no_connection(symbol, self._unreachable))
        if self._limited:
            raise RateLimitedError(f"{symbol}: {self._limited}")
        reason: Exception = _TryAgain("no answer")
        for attempt in range(self.patience.attempts):
            self._keep_pace()
            try:
                return self._ask(symbol, options)
            except ForecastError:
                raise
            except Exception as error:
                reason = _cause(error)
                if not isinstance(reason, _TryAgain):
                    raise SourceError(f"{symbol}: Expected prices from Yahoo, got {_one_line(reason)}.") from error
                if reason.after is not None and reason.after > self.patience.longest_wait:
                    break
                if attempt + 1 < self.patience.attempts:
                    self.patience.sleep(self.patience.wait(attempt, reason.after))
        if isinstance(reason, _TryAgain) and reason.limited:
            hint = f"in {reason.after:.0f} seconds" if reason.after else "in some minutes"
            self._limited = f"Yahoo limits requests from here. Run the same command again {hint}; it resumes there."
            raise RateLimitedError(f"{symbol}: {self._limited}") from reason
        if isinstance(reason, _TryAgain) and reason.unreachable:
            self._unreachable = str(reason)
            raise UnreachableError(_no_connection(symbol, f"{reason} ({self.patience.attempts} times)")) from reason
        raise SourceError(
            f"{symbol}: Expected an answer from Yahoo, got {reason} ({self.patience.attempts} times). "
            "Run the same command again in some minutes."
        ) from reason

    def _ask(self, symbol: str, options: dict[str, Any]) -> "tuple[pd.DataFrame, dict[str, Any]]":
        import yfinance
        from yfinance.data import YfData
        from yfinance.exceptions import YFTickerMissingError

        with _errors_shown():
            watched = _watch(self.session)
            ticker = yfinance.Ticker(quote(symbol, safe=""), session=watched.session)
            YfData(session=watched.session).cache_get.cache_clear()
            try:
                frame = ticker.history(
                    auto_adjust=False, actions=True, keepna=True, timeout=self.patience.timeout, **options
                )
            except YFTickerMissingError as error:
                if not watched.meta:
                    raise UnknownSymbolError(_unknown(symbol)) from error
                raise TooFewBarsError(f"{symbol}: Yahoo has no prices for the time that was asked for.") from error
            except KeyError as error:
                if watched.empty:
                    raise TooFewBarsError(f"{symbol}: Yahoo has no prices for the time that was asked for.") from error
                raise
            actual = str(watched.meta.get("dataGranularity") or options["interval"]).replace("60m", "1h")
            if actual != options["interval"]:
                raise SourceError(f"{symbol}: need {options['interval']} bars, Yahoo answered with {actual} bars.")
            return frame, watched.meta

    def _keep_pace(self) -> None:
        with self._lock:
            now = self.patience.clock()
            wait = max(0.0, self._next - now)
            self._next = max(now, self._next) + self.patience.pause
        if wait:
            self.patience.sleep(wait)


@dataclass
class _Watched:
    session: Any
    meta: dict[str, Any] = field(default_factory=dict)
    empty: bool = False


def _watch(session: Any) -> _Watched:
    """A session whose chart answers are looked at first: anything but a whole JSON answer is worth another try."""
    if session is None:
        from yfinance._http import new_session

        session = new_session()
    watched = _Watched(session)
    get = getattr(session, "_get_unwatched", session.get)

    def looked_at(url: str, **options: Any) -> Any:
        response = get(url=url, **options)
        if "/v8/finance/chart/" in url:
            _look_at(response, watched)
        return response

    session._get_unwatched, session.get = get, looked_at
    return watched


def _look_at(response: Any, watched: _Watched) -> None:
    status = response.status_code
    if status == 429:
        raise _TryAgain("status 429 (too many requests)", limited=True, after=_seconds(response.headers))
    if status >= 500:
        raise _TryAgain(f"status {status} (a fault at Yahoo)", after=_seconds(response.headers))
    try:
        chart = response.json()["chart"]
        error = chart.get("error")
    except (ValueError, KeyError, TypeError, AttributeError):
        kind = "a web page" if "<html" in response.text[:2000].lower() else "a cut-off or garbled answer"
        raise _TryAgain(f"{kind} instead of prices (status {status})") from None
    if status == 404 or (error and error.get("code") == "Not Found"):
        raise UnknownSymbolError(_unknown(response.url.split("/chart/")[1].split("?")[0]))
    results = chart.get("result") or [{}]
    watched.meta = results[0].get("meta") or {}
    watched.empty = not results[0].get("timestamp")


def _seconds(headers: Any) -> float | None:
    """Retry-After, where it is a number of seconds."""
    text = str(headers.get("Retry-After", ""))
    return float(text) if text.isdigit() else None


def _cause(error: Exception) -> Exception:
    """Network trouble as something to try again, everything else as it is."""
    from yfinance.exceptions import YFRateLimitError

    if isinstance(error, _TryAgain):
        return error
    if isinstance(error, YFRateLimitError):
        return _TryAgain("status 429 (too many requests)", limited=True)
    names = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, OSError) or names & {"RequestException", "CurlError", "YFDataException", "JSONDecodeError"}:
        unreachable = bool(names & {"ConnectionError", "Timeout", "TimeoutError", "gaierror"})
        reason = _one_line(error) if unreachable else f"{type(error).__name__}: {_one_line(error)}"
        if names & {"Timeout", "TimeoutError"}:
            reason = "no answer in time"
        return _TryAgain(reason, unreachable=unreachable)
    return error


@contextmanager
def _errors_shown() -> Iterator[None]:
    """yfinance raises instead of logging, and says nothing by itself."""
    import yfinance

    before = yfinance.config.debug.hide_exceptions
    logger = logging.getLogger("yfinance")
    level = logger.level
    yfinance.config.debug.hide_exceptions = False
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # yfinance 1.7 uses what pandas 3.1 will drop
            yield
    finally:
        yfinance.config.debug.hide_exceptions = before
        logger.setLevel(level)


def _no_connection(symbol: str, reason: str) -> str:
    return (
        f"{symbol}: Expected a connection to Yahoo, got {reason}. Check the network and run the same command again; "
        "what was fetched is kept."
    )


def _unknown(symbol: str) -> str:
    from urllib.parse import unquote

    where = "Look it up on finance.yahoo.com (BRK-B, VOD.L, ^GSPC)."
    return f"Expected a symbol that Yahoo knows, got {unquote(symbol)}. {where}"


def _one_line(error: Exception) -> str:
    """What went wrong, without the words that curl and urllib3 put around it."""
    text = " ".join(str(error).split())
    if (cause := _CAUSE.search(text)) is not None:
        text = cause[1] or cause[2]
    return text[:200].rstrip(".") or type(error).__name__
