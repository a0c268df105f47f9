"""`forecast fetch --live`: Yahoo's stream of quotes into the store."""

from forecast.cli.context import CliContext, print_json
from forecast.cli.tables import print_table
from forecast.config.prices import RecordingConfig
from forecast.report import formatting


def record(settings: CliContext, symbols: tuple[str, ...], config: RecordingConfig, *, as_json: bool) -> None:
    """Yahoo's stream into the table of ticks; Ctrl-C keeps the recorded quotes."""
    from pipelines.market.types import check_symbol
    from pipelines.sources.yahoo import stream
    from pipelines.store.store import Store

    names = list(dict.fromkeys(check_symbol(symbol) for symbol in symbols))
    settings.note(f"Recording {', '.join(names)} for {config.duration}. Ctrl-C ends it; recorded quotes are kept.")
    store = Store(settings.store)
    stored = store.catalogue().query("kind == 'ticks' and currency != ''")
    currencies = dict(zip(stored["symbol"], stored["currency"], strict=True))
    recording = stream.record(names, seconds=config.seconds, keep=store.write_ticks, currencies=currencies)
    counts = {"no quotes": recording.garbage, "late": recording.late, "in another currency": recording.foreign}
    counts |= {"from an impossible time": recording.misdated}
    left_out = ", ".join(f"{count} {reason}" for reason, count in counts.items() if count)
    if left_out or recording.connections > 1:
        settings.note(f"{recording.connections} connections; messages left out: {left_out or 'none'}.")
    if as_json:
        print_json(vars(recording))
    else:
        print_table(["symbol", ">quotes"], [[name, formatting.count(recording.quotes.get(name, 0))] for name in names])
