"""Text from data, files and other programs, made safe for a terminal."""

import re

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""The text with control characters, direction marks and lone surrogates as escapes; tabs and line ends stay.

    >>> printable("EUR\x1b[2J")
    'EUR\\x1b[2J'
    """
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape", "surrogatepass").decode(), text)
