"""A field of a configuration carries its default, bounds, choices and description; one check makes every message."""

import dataclasses
import math
import numbers
import re
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal, TypeVar

from pipelines.errors import ConfigError, did_you_mean, in_one_line
from pipelines.user_code import PATTERN, is_user_code

Configuration = TypeVar("Configuration")
Kind = Literal["integer", "number", "switch", "text", "date", "moment", "texts", "pairs"]

_PARAMETERS = "\nParameters\n----------\n"
_SCHEMA_TYPES = {"integer": "integer", "number": "number", "switch": "boolean", "texts": "array", "pairs": "object"}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a field may be.

    low, high: the least and the greatest value; open_low, open_high: whether these themselves are excluded.
    choices: the only texts, or what each of several must be. patterns: regular expressions of further texts.
    words: texts accepted in place of a number.
    listed: the choices for a person, who would not read forty names. optional: whether None is allowed.
    several: whether the field holds a tuple of such values; commas: which one text may name, with commas between.
    opposite: the option that switches off. A pair is a name and a text, NAME=TEXT where a list has it.
    own: what stands for a person's own code beside the choices, such as "module:Class"; empty where none may.
    """

    kind: Kind
    help: str
    group: str
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False
    choices: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    listed: str = ""
    optional: bool = False
    several: bool = False
    commas: bool = False
    empty: bool = False
    opposite: str = ""
    own: str = ""
    option: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def expectation(self) -> str:
        """What is accepted, for a person: "a whole number from 1 to 5000"."""
        if self.choices:
            listed = (self.listed or ", ".join(self.choices)) + (f", or {self.own} of your own" if self.own else "")
            return f"out of {listed}, each once" if self.kind == "texts" else f"out of {listed}"
        if self.kind in ("integer", "number"):
            text = "as a whole number" if self.kind == "integer" else "as a number"
            if self.low is not None:
                text += f" {'above' if self.open_low else 'from'} {_plain(self.low)}"
            if self.high is not None:
                text += (
                    f" {'and below' if self.open_high and self.open_low else 'to below' if self.open_high else 'to'}"
                )
                text += f" {_plain(self.high)}"
            return text + "".join(f", or {word}" for word in self.words)
        return {
            "switch": "as true or false",
            "date": "as a date like 2020-12-31",
            "moment": "as a time like 2020-12-31 or 2020-12-31T16:00",
            "texts": "as texts, each once",
            "pairs": f"as {self.listed or 'NAME=VALUE'}",
        }.get(self.kind, "as text")

    def check(self, name: str, value: Any) -> Any:
        """The value in the field's own type.

        Raises:
            ConfigError: it is of another type, outside the bounds, or none of the choices.
        """
        if value is None and self.optional:
            return None
        if self.commas and not isinstance(value, list | tuple):
            value = [self._one(part.strip()) for part in value.split(",")] if isinstance(value, str) else [value]
        if self.several and isinstance(value, list | tuple) and (value or self.empty):
            return tuple(replace(self, several=False, commas=False).check(name, item) for item in value)
        checked = getattr(self, f"_{self.kind}")(value)
        if checked is None:
            line = " in one line" if self.kind == "text" and not self.choices and isinstance(value, str) else ""
            raise ConfigError(f"Expected {name} {self.expectation}{line}, got {_written(value)}.{self._hint(value)}")
        return checked

    def _hint(self, value: Any) -> str:
        """The nearest choice to the first text that is none."""
        texts = value if isinstance(value, list | tuple) else [value]
        unknown = [text for text in texts if isinstance(text, str) and text not in (*self.choices, *self.words)]
        return did_you_mean(unknown[0], (*self.choices, *self.words)) if unknown else ""

    def parse(self, text: str) -> Any:
        """A text of the command line as what it says: a number where one is expected; checked later."""
        return text if self.commas else self._one(text)

    def _one(self, text: str) -> Any:
        if self.kind in ("integer", "number") and text not in self.words:
            for convert in (int, float):
                try:
                    return convert(text)
                except ValueError:
                    continue
        return text

    def _inside(self, value: float) -> bool:
        if isinstance(value, float) and not math.isfinite(value):
            return False
        above = self.low is None or (value > self.low if self.open_low else value >= self.low)
        return above and (self.high is None or (value < self.high if self.open_high else value <= self.high))

    def _integer(self, value: Any) -> int | None:
        integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        return int(value) if integer and self._inside(int(value)) else None

    def _number(self, value: Any) -> float | str | None:
        if isinstance(value, str):
            return value if value in self.words else None
        real = isinstance(value, numbers.Real) and not isinstance(value, bool)
        try:
            return float(value) if real and self._inside(float(value)) else None
        except OverflowError:
            return None

    def _switch(self, value: Any) -> bool | None:
        return bool(value) if type(value).__name__ in ("bool", "bool_") else None

    def _text(self, value: Any) -> str | None:
        if not isinstance(value, str) or not value.isprintable():  # half a character, or a second line
            return None
        own = bool(self.own) and is_user_code(value)
        listed = not self.choices or value in self.choices
        fits = own or listed or any(re.fullmatch(pattern, value) for pattern in self.patterns)
        return value if fits else None

    def _date(self, value: Any) -> date | None:
        if _is_no_time(value):
            return None
        if isinstance(value, datetime):
            return value.date() if value.time() == datetime.min.time() else None
        if isinstance(value, str):
            try:
                return date.fromisoformat(value)
            except ValueError:
                return None
        return value if isinstance(value, date) else None

    def _moment(self, value: Any) -> str | None:
        """As ISO 8601; a date means its end."""
        if _is_no_time(value):
            return None
        if isinstance(value, datetime):
            return value.isoformat(timespec="minutes")
        if isinstance(value, str) and "T" in value:
            for form, exact_to in (("%Y-%m-%dT%H:%M", "minutes"), ("%Y-%m-%dT%H:%M:%S", "seconds")):
                with suppress(ValueError):  # with seconds as well: a day's end is checked a second time
                    return datetime.strptime(value, form).isoformat(timespec=exact_to)
            return None
        day = self._date(value)
        return None if day is None else f"{day.isoformat()}T23:59:59"

    def _pairs(self, value: Any) -> dict[str, str] | None:
        if isinstance(value, list | tuple) and all(isinstance(text, str) and "=" in text for text in value):
            return dict(text.split("=", 1) for text in value)
        named = isinstance(value, Mapping) and all(isinstance(text, str) for pair in value.items() for text in pair)
        return dict(value) if named else None

    def _texts(self, value: Any) -> tuple[str, ...] | None:
        if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
            return None
        accepted = {text for text in value if text in self.choices or (self.own and is_user_code(text))}
        unknown = self.choices and not set(value) <= accepted
        if unknown or (not value and not self.empty) or len(set(value)) < len(value):
            return None
        return tuple(value)

    def schema(self) -> dict[str, Any]:
        """The field in JSON schema."""
        schema: dict[str, Any] = {"type": _SCHEMA_TYPES.get(self.kind, "string"), "description": self.help}
        if self.kind == "date":
            schema["format"] = "date"
        if self.kind == "texts":
            schema |= {"items": {"type": "string", **({"enum": list(self.choices)} if self.choices else {})}}
            if self.own:
                schema["items"] = {"anyOf": [schema["items"], {"type": "string", "pattern": PATTERN}]}
            schema |= {"uniqueItems": True}
        elif patterns := (*self.patterns, *([PATTERN] if self.own else [])):
            schema["anyOf"] = [{"enum": list(self.choices)}, *({"pattern": f"^{pattern}$"} for pattern in patterns)]
        elif self.choices:
            schema["enum"] = list(self.choices)
        if self.low is not None:
            schema["exclusiveMinimum" if self.open_low else "minimum"] = self.low
        if self.high is not None:
            schema["exclusiveMaximum" if self.open_high else "maximum"] = self.high
        if self.words:
            number = {name: schema.pop(name) for name in list(schema) if name != "description"}
            schema["anyOf"] = [number, {"enum": list(self.words)}]
        return schema


def setting(default: Any, kind: Kind, help: str, *, group: str, **more: Any) -> Any:
    """A dataclass field with its default and what it may be."""
    description = Setting(kind=kind, help=help, group=group, **more)
    return dataclasses.field(default=default, metadata={"setting": description})


def settings_of(configuration: type) -> dict[str, tuple[Setting, Any]]:
    """name -> (setting, default) of a configuration's fields, in their order."""
    return {
        field.name: (field.metadata["setting"], field.default)
        for field in dataclasses.fields(configuration)
        if "setting" in field.metadata
    }


def documented(configuration: type[Configuration]) -> type[Configuration]:
    """The class, in whose docstring the section Parameters ends with its settings: what they are stands once."""
    first, _, rest = (configuration.__doc__ or "").partition("\n")
    text = f"{first}\n{textwrap.dedent(rest)}".strip()
    before, heading, examples = text.partition("\nExamples\n--------\n")
    if _PARAMETERS not in before:
        before = f"{before.rstrip()}\n{_PARAMETERS}"
    entries = [
        f"{name} : {setting.kind}, default {_written(default)}\n"
        + textwrap.indent("\n".join(textwrap.wrap(setting.help.replace("  [", " ["), 110)), "    ")
        for name, (setting, default) in settings_of(configuration).items()
    ]
    configuration.__doc__ = "\n".join([before.rstrip(), *entries, *([heading + examples] if heading else [])])
    return configuration


def check(configuration: Any) -> None:
    """Checks each field and brings it to its own type."""
    for name, (setting, _) in settings_of(type(configuration)).items():
        object.__setattr__(configuration, name, setting.check(name, getattr(configuration, name)))


def json_schema(configuration: type, *, required: Sequence[str] = ()) -> dict[str, Any]:
    """JSON schema of a configuration, from its fields."""
    properties = {}
    for name, (setting, default) in settings_of(configuration).items():
        properties[name] = setting.schema() | ({} if default is None else {"default": default})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": configuration.__name__,
        "type": "object",
        "properties": properties,
        "required": list(required),
    }


def _plain(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:g}"


def _written(value: Any) -> str:
    if isinstance(value, list | tuple):
        return in_one_line(value, at_most=200, text=lambda values: ", ".join(map(str, values))) or "none"
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return f"{value:g}" if isinstance(value, float) else in_one_line(value, at_most=40, text=str)
    return in_one_line(value, at_most=80)


def _is_no_time(value: Any) -> bool:
    """pandas.NaT is a datetime by its type."""
    return type(value).__name__ == "NaTType"
