"""For the site: the docstring of a configuration as it is when imported, with the settings that `documented` adds."""

from importlib import import_module
from inspect import cleandoc
from typing import Any

import griffe


class SettingsInDocstrings(griffe.Extension):
    """Each field of a configuration with its kind, default and description."""

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Takes the docstring of a class that is decorated with `documented`."""
        if cls.docstring is not None and any(str(part.value) == "documented" for part in cls.decorators):
            cls.docstring.value = cleandoc(getattr(import_module(cls.module.path), cls.name).__doc__)
