"""Settings of `forecast fetch` from a TOML file."""

from pathlib import Path

import click


def take_config(ctx: click.Context, path: Path | None) -> None:
    """Makes the settings of a TOML file the defaults; `column` may be a table there."""
    if path is None:
        return
    import tomllib

    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"Need a TOML file, got {path}: {error}.") from error
    names = {param.opts[0].removeprefix("--"): str(param.name) for param in ctx.command.params}
    for name, value in settings.items():
        if name.replace("_", "-") not in names:
            raise click.UsageError(f"{path}: need settings of fetch ({', '.join(sorted(names))}), got {name!r}.")
        if name == "column" and isinstance(value, dict):
            value = [f"{needed}={column}" for needed, column in value.items()]
        if name == "file" and isinstance(value, str):
            value = [value]
        ctx.default_map = {**(ctx.default_map or {}), names[name.replace("_", "-")]: value}
