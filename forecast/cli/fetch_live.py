"""`forecast fetch --live`: Yahoo's stream of quotes into the store."""

import re

import click

from forecast.cli.context import CliContext, print_json
from forecast.cli.tables import print_table


def record(settings: CliContext, symbols: tuple[str, ...], duration: str, *, as_json: bool) -> None:
    """Yahoo's stream into the table of ticks; Ctrl-C keeps what came."""
    from pipelines.market.types import check_symbol
    from pipelines.sources.yahoo import stream
    from pipelines.store.store import Store

    found = re.fullmatch(r"([1-9]\d{0,5})([smh])", duration)
    if not found:
        raise click.UsageError(f"Need --for such as 90s, 10m or 2h, got {duration!r}.")
    seconds = int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]
    names = list(dict.fromkeys(check_symbol(symbol) for symbol in symbols))
    settings.note(f"Recording {', '.join(names)} for {duration}. Ctrl-C ends it; what came is kept.")
    told = stream.record(names, seconds=seconds, keep=Store(settings.store).write_ticks)
    if told.garbage or told.late or told.connections > 1:
        settings.note(f"{told.connections} connections, {told.garbage} messages were no quotes, {told.late} were late.")
    if as_json:
        print_json(vars(told))
    else:
        print_table(["symbol", ">quotes"], [[name, f"{told.quotes.get(name, 0):,}"] for name in names])
