"""`forecast fetch`: prices from a source into the store."""

import os
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forecast.cli import completion
from forecast.cli.config_files import take_config
from forecast.cli.context import CliContext, json_option, print_json
from forecast.cli.fetch_files import describe, show
from forecast.cli.options import option_of
from forecast.config.fields import settings_of
from forecast.config.prices import FetchConfig, FileConfig, RecordingConfig
from forecast.config.universe import listed_symbols
from forecast.report import formatting

if TYPE_CHECKING:
    from forecast.api.price_files import PriceFiles
    from pipelines.ingestion import IngestionResult

_READING = (
    *(option_of(FetchConfig, name) for name in settings_of(FetchConfig) if name not in ("source", "max_dropped")),
    *(option_of(FileConfig, name) for name in settings_of(FileConfig)),
)


def _reading_options(command: Any) -> Any:
    return reduce(lambda decorated, option: option(decorated), reversed(_READING), command)


@click.command()
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...", shell_complete=completion.symbols)
@option_of(FetchConfig, "source")
@click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="csv: a file of bars, trades or quotes, a folder of them, or a name with {symbol} in it: text (.csv, .gz, "
    ".zip), .parquet, .feather, .xlsx, JSON lines.",
)
@_reading_options
@click.option("--dry-run", is_flag=True, help="csv: show what is understood of the file, and write nothing.")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    callback=take_config,
    is_eager=True,
    expose_value=False,
    help="TOML file with any of these settings; the command line wins.",
)
@option_of(FetchConfig, "max_dropped")
@click.option("--live", is_flag=True, help="yahoo: record the stream of quotes as ticks, for as long as --for says.")
@option_of(RecordingConfig, "duration")
@json_option
@click.pass_obj
def command(settings: CliContext, /, symbols: tuple[str, ...], source: str, as_json: bool, **options: Any) -> None:
    """Bring prices into the store: the sample, files of your own, or Yahoo.

    Prices are stored as traded, with dividends and splits beside them. Rows that cannot be prices are dropped,
    counted and named. Fetching again updates; the same data twice changes nothing. Rows of a file are merged into
    those stored, by their times.

    \b
    Examples:
      forecast fetch AAPL MSFT --start 2010-01-01
      forecast fetch AAPL MSFT ES --source sample
      forecast fetch @symbols.txt --start 2010-01-01
      forecast fetch ACME --source csv --file acme.csv.gz
      forecast fetch ES --source csv --file trades.csv --tz America/Chicago --calendar CMES
      forecast fetch AMZN --source csv --shape lobster --file AMZN_2012-06-21_34200000_57600000_message_10.csv
      forecast fetch BTC-USD --live --for 10m
      forecast fetch AMZN --source csv --file taq/ --tz America/New_York --column price=PX --exchange N
      forecast fetch ACME BETA --source csv --file 'stocks/{symbol}.csv'
      forecast fetch ACME --source csv --file download.xlsx --dry-run
    """
    from forecast.api import prices
    from forecast.cli.progress import counted

    symbols, options["files"] = _expanded(symbols, options["files"])
    _check(source, symbols, options)
    if options["live"]:
        from forecast.cli.fetch_live import record

        record(settings, symbols, RecordingConfig(duration=options["duration"]), as_json=as_json)
        return
    names = listed_symbols(symbols)
    request = FetchConfig(
        source=source, **{name: options[name] for name in settings_of(FetchConfig) if name in options}
    )
    about = FileConfig(**{name: options[name] for name in settings_of(FileConfig)})
    files = prices.price_files(names, options["files"], request, about) if source == "csv" else None
    if options["dry_run"]:
        _dry_run(settings, files, names, as_json=as_json)
        return
    with counted(settings, "Fetching") as begun:
        results, failed = prices.fetch_each(
            names,
            request,
            files=files,
            workspace=settings.workspace,
            note=settings.note,
            begun=begun,
            refused=lambda symbol, error: settings.error(f"{symbol}: {error}") if len(names) > 1 else None,
        )
    if as_json:
        print_json(
            {"fetched": [_as_json(result) for result in results], "failed": {k: str(v) for k, v in failed.items()}}
        )
    else:
        _print(results)
    if failed:
        raise prices.failure(results, failed, symbols=names)


def _expanded(symbols: tuple[str, ...], files: tuple[Path, ...]) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Symbols and files; what a shell made of --file month/*.csv are files, not symbols."""
    if not files:
        return symbols, files
    more = [
        symbol
        for symbol in symbols
        if ("/" in symbol or os.sep in symbol or Path(symbol).suffix) and Path(symbol).is_file()
    ]
    return tuple(symbol for symbol in symbols if symbol not in more), (*files, *map(Path, more))


def _check(source: str, symbols: tuple[str, ...], options: dict[str, Any]) -> None:
    from forecast.api.prices import check_files

    if not symbols:
        raise click.UsageError(
            "Expected a symbol before the files, for example forecast fetch ES --source csv --file month/*.csv."
        )
    check_files(source, options["files"])
    for name in ("dry_run", "replace"):
        if options[name] and source != "csv":
            raise click.UsageError(f"--{name.replace('_', '-')} goes with --source csv, not with {source}.")
    if options["live"] and source != "yahoo":
        raise click.UsageError(f"--live goes with --source yahoo, not with {source}.")


def _dry_run(settings: CliContext, files: "PriceFiles | None", symbols: list[str], *, as_json: bool) -> None:
    """Shows what is understood of each symbol's files; what would refuse them comes last, as the error that it is."""
    from forecast.cli.progress import busy
    from pipelines.errors import ForecastError

    descriptions = []
    refused: ForecastError | None = None
    for symbol in symbols:
        if files is None:
            continue
        with busy(settings, f"Reading the files of {symbol}"):
            description = describe(files.load(symbol))
            try:
                delivery = files.deliver(symbol)
                outcome = f"{symbol}: {delivery.report.summary()}"
            except ForecastError as error:
                refused, outcome = error, f"{symbol}: refused"
        descriptions.append({"symbol": symbol, **description, "outcome": outcome})
        if not as_json:
            show(description, outcome)
    if as_json:
        print_json({"dry_run": descriptions})
    if refused is not None:
        raise refused


def _as_json(result: "IngestionResult") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(result)


def _print(results: "list[IngestionResult]") -> None:
    from forecast.cli.tables import Column, print_table

    print_table(
        [
            Column("symbol"),
            Column("what"),
            Column("rows", number=True),
            Column("first"),
            Column("last"),
            Column("in", drop=2),
            Column("actions", number=True, drop=1),
        ],
        [
            [
                result.symbol,
                f"{result.interval} bars" if result.interval else result.kind,
                formatting.count(result.rows),
                result.first,
                result.last,
                result.currency or "–",
                formatting.count(result.actions),
            ]
            for result in results
        ],
    )
