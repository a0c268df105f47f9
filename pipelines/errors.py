"""What can go wrong with a person's input. Every message says what was needed, what was got and what to do."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import index
from typing import Any, SupportsIndex


class ForecastError(Exception):
    """Wrong usage or input: the command line prints the message as one line and exits with 2.

    Examples
    --------
    >>> import forecast as fc
    >>> try:
    ...     fc.train("AAPL")
    ... except fc.ForecastError as error:
    ...     print(error)
    Expected experiment as an Experiment, got str 'AAPL'. Give it like Experiment("AAPL", folds=6).
    """


class BadFileError(ForecastError):
    """A file that cannot be read as what it should hold."""


class BadPricesError(ForecastError):
    """Prices that cannot be prices, or too many of them to drop."""


class UnknownSymbolError(ForecastError):
    """A symbol that no source or store knows, or that is not a symbol at all."""


class TooFewBarsError(ForecastError):
    """Too little history for the windows and folds that were asked for."""


class SourceError(ForecastError):
    """A data provider that did not answer, or answered with nonsense."""


class RateLimitedError(SourceError):
    """Yahoo asks to be left alone for a while; other symbols need not be tried."""


class StoreError(ForecastError):
    """The price store cannot be read or written."""


class ConfigError(ForecastError):
    """An experiment that asks for something impossible."""


class RunError(ForecastError):
    """A run's folder that is missing, incomplete or damaged."""


def in_one_line(value: object, *, at_most: int = 60, text: Callable[[Any], str] = repr) -> str:
    """What a person gave, for a message: in one line, cut off; also what has no text.

    >>> in_one_line([1, 2, 3], at_most=5)
    '[1, 2'
    >>> in_one_line(object, text=lambda value: 1 / 0)
    'type'
    """
    try:
        return " ".join(line.strip() for line in text(value).splitlines())[:at_most]
    except Exception:  # it is a person's own class: what it raises can be anything
        return type(value).__name__


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """ " Did you mean AAPL?" for the nearest of the candidates, whatever the case; "" where none is near.

    >>> did_you_mean("lsmt", ["simple_rnn", "lstm"])
    ' Did you mean lstm?'
    """
    spellings = {candidate.lower(): candidate for candidate in candidates}
    nearest = difflib.get_close_matches(name[:120].lower(), spellings, n=1, cutoff=0.6)
    return f" Did you mean {spellings[nearest[0]]}?" if nearest else ""


def counted(amount: SupportsIndex, noun: str) -> str:
    """ "1 row", "2,345 rows"."""
    number = index(amount)
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], *, at_most: int = 10, separator: str = ", ") -> str:
    """The first names, and how many more there are.

    >>> listed(["AAPL", "IBM", "MSFT"], at_most=2)
    'AAPL, IBM and 1 more'
    """
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return f"{separator.join(names[:at_most])}{more}"


def listed_by_reason(reasons: Mapping[str, object]) -> str:
    """Names that have failed, those of one reason together, most first, with the reason of the first one.

    >>> listed_by_reason({"A": "A: no prices.", "B": "Timeout of B.", "C": "C: no prices."})
    'A, C (no prices); B (Timeout of B)'
    """
    texts = {
        name: in_one_line(reason, at_most=200, text=str).removeprefix(f"{name}: ").rstrip(".")
        for name, reason in reasons.items()
    }
    groups: dict[str, list[str]] = {}
    for name, text in texts.items():
        groups.setdefault(text.replace(name, "*"), []).append(name)
    largest = sorted(groups.values(), key=len, reverse=True)
    return listed([f"{listed(names, at_most=5)} ({texts[names[0]]})" for names in largest], at_most=3, separator="; ")
