"""How numbers and names are written for a person."""

import math
from collections.abc import Callable
from typing import Any

from forecast.config import model_registry
from forecast.config.significance import SIGNIFICANCE

DASH = "–"
CONFIDENCE = f"{100 * SIGNIFICANCE.level:.4g} %"
POWER = f"{100 * SIGNIFICANCE.power:.4g} % power"
FALSE_CLAIMS = f"{100 * (1 - SIGNIFICANCE.level):.4g} %"


def label(model: str) -> str:
    """A model's name as a heading: "LSTM", "Buy and hold"."""
    name = within(model)
    if model_registry.is_unlisted(model):  # a name that was given elsewhere stays as it is spelled there
        return name
    return name[:1].upper() + name[1:]


def within(model: str) -> str:
    """A model's name inside a sentence: "LSTM", but "buy and hold"."""
    return model_registry.label(model)


def percent(value: float) -> str:
    """0.1234 -> "12.3 %", 0.00012 -> "0.012 %"; a true minus sign."""
    size = abs(100 * value)
    places = 1 if size >= 1 or size < 1e-6 else 1 - math.floor(math.log10(size))  # below 1 %: two digits
    return number(100 * value, places) + " %"


def number(value: float, places: int = 2) -> str:
    """Thousands set apart by a narrow space, a true minus sign, no "−0.00"."""
    text = f"{value:,.{places}f}".replace(",", "\u202f")
    return text.replace("-", "−") if float(f"{value:.{places}f}") else text.removeprefix("-")


def price(value: float, *, digits: int = 6) -> str:
    """430.4 -> "430.40", 1.14236 -> "1.14236", 0.0000112965 -> "0.0000112965": never 0 for what is not.

    digits: significant ones at most, two decimals at least.
    """
    if not value:
        return number(value)
    places = max(2, digits - 1 - math.floor(math.log10(abs(value))))
    integer, _, part = number(value, places).partition(".")
    return f"{integer}.{part.rstrip('0'):0<2}"


def money(value: float, currency: str) -> str:
    """12345678 -> "12.3 million USD": three digits."""
    for size, name in ((1e9, " billion"), (1e6, " million"), (1e3, "\u202f000")):
        if value >= size:
            digits = max(0, 2 - math.floor(math.log10(value / size)))
            return f"{number(value / size, 0 if name.endswith('0') else digits)}{name} {currency}".strip()
    return f"{number(value, 0)} {currency}".strip()


def count(value: float) -> str:
    return number(value, 0)


def times(value: float) -> str:
    return number(value, 1) + " ×"


def show(value: Any, how: Callable[[float], str]) -> str:
    """A number as how writes it, a dash where there is none."""
    return DASH if value is None else how(float(value))


def day(text: str) -> str:
    """The date of an ISO time."""
    return str(text)[:10]


def plural(amount: int, noun: str) -> str:
    return f"{count(amount)} {noun}" if amount == 1 else f"{count(amount)} {noun}s"


def value(setting: Any) -> str:
    """Any setting: lists with commas, None as "not set"."""
    if setting is None:
        return "not set"
    if isinstance(setting, bool):
        return "yes" if setting else "no"
    if isinstance(setting, dict):
        return "; ".join(f"{_key(str(name))} {value(entry)}" for name, entry in setting.items()) or "none"
    if isinstance(setting, list | tuple):
        return ", ".join(map(str, setting)) or "none"
    return f"{setting:g}" if isinstance(setting, float) else str(setting)


def _key(name: str) -> str:
    """What stands before a value: a model's name, or any other setting's."""
    return label(name) if name in (*model_registry.MODELS, *model_registry.REFERENCES) else name.replace("_", " ")
