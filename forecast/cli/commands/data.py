"""`forecast data`: what is in the store, and whether it can be trusted."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from forecast.cli import completion
from forecast.cli.confirmation import confirm, yes_option
from forecast.cli.context import CliContext, json_option, print_json, records
from forecast.cli.options import option_of
from forecast.cli.suggestions import SuggestingGroup
from forecast.cli.tables import Column, print_table
from forecast.cli.text import say
from forecast.config.prices import SeriesConfig
from forecast.config.universe import listed_symbols
from forecast.report import formatting

if TYPE_CHECKING:
    import pandas as pd

    from forecast.api.stored_prices import SeriesCheck
    from pipelines.store.store import Store


@click.group(cls=SuggestingGroup)
def command() -> None:
    """List, show and check the prices in the store.

    \b
    Examples:
      forecast data list
      forecast data show AAPL --rows 5 --adjust back
      forecast data check AAPL
      forecast data export AAPL aapl.csv
    """


@command.command("list")
@json_option
@click.pass_obj
def list_(settings: CliContext, /, as_json: bool) -> None:
    """Every series in the store: symbol, rows, first and last session.

    \b
    Example:
      forecast data list
    """
    from forecast.api.stored_prices import catalogue

    stored = catalogue(settings.workspace)
    if as_json:
        print_json({"series": records(stored)})
        return
    if not len(stored):
        settings.note(f"The store at {settings.store} is empty. `forecast fetch AAPL --source sample` fills it.")
    print_table(
        [
            Column("symbol"),
            Column("what"),
            Column("rows", number=True),
            Column("first"),
            Column("last"),
            Column("in", drop=2),
            Column("calendar", drop=1),
        ],
        [
            [
                series["symbol"],
                f"{series['interval']} bars" if series["interval"] else series["kind"],
                formatting.count(series["rows"]),
                str(series["first"]),
                str(series["last"]),
                series["currency"] or "–",
                series["calendar"],
            ]
            for series in records(stored)
        ],
    )


@command.command("show")
@click.argument("symbol", shell_complete=completion.symbols)
@option_of(SeriesConfig, "rows")
@option_of(SeriesConfig, "interval")
@option_of(SeriesConfig, "adjust")
@json_option
@click.pass_obj
def show(
    settings: CliContext,
    /,
    symbol: str,
    rows: int,
    interval: str | None,
    adjust: str,
    as_json: bool,
) -> None:
    """The last rows of a symbol, and its latest dividends and splits.

    \b
    Examples:
      forecast data show AAPL
      forecast data show AAPL --adjust back --rows 20
      forecast data show ES --interval ticks --rows 20
    """
    from forecast.api.stored_prices import actions, prices

    last = _dated(prices(symbol, interval=interval, adjust=adjust, workspace=settings.workspace).tail(rows))
    paid = _dated(actions(symbol, workspace=settings.workspace).tail(5))
    if as_json:
        print_json({"symbol": symbol.upper(), "rows": records(last), "actions": records(paid)})
        return
    _print_frame(last)
    if len(paid):
        click.echo()
        _print_frame(paid)


@command.command("check")
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...", shell_complete=completion.symbols)
@option_of(SeriesConfig, "interval")
@click.option("--repair", is_flag=True, help="Apply the repairs that are suggested; --undo takes them back.")
@option_of(SeriesConfig, "undo", metavar="VERSION")
@json_option
@click.pass_obj
def check(
    settings: CliContext,
    /,
    symbols: tuple[str, ...],
    interval: str | None,
    repair: bool,
    undo: int | None,
    as_json: bool,
) -> None:
    """Gaps, bad prints, stale prices and suspicious returns, each with its date, its size and a repair.

    Real crashes are shown as suspicious and never repaired. Of several symbols, those that can be read are checked.

    \b
    Examples:
      forecast data check AAPL
      forecast data check AAPL MSFT @symbols.txt --repair
      forecast data check VOD.L --undo 3
      forecast data check ES --interval ticks
    """
    from forecast.api.stored_prices import TICKS, only_series
    from forecast.cli.progress import counted
    from pipelines.errors import ForecastError, listed_by_reason
    from pipelines.store.store import Store

    names = listed_symbols(symbols)
    if undo is not None and len(names) > 1:
        raise click.UsageError(f"Expected one symbol with --undo, got {len(names)}: each has a version of its own.")
    store = Store(settings.store)
    checked: list[tuple[str, SeriesCheck]] = []
    failed: dict[str, ForecastError] = {}
    with counted(settings, "Checking") as step:
        for number, name in enumerate(names):
            step(name, number, len(names))
            try:
                series = interval or only_series(store, name)
                if series == TICKS and (repair or undo is not None):
                    raise ForecastError("--repair and --undo go with bars, not with ticks. Fetch the trades again.")
                unit = TICKS if series == TICKS else "bars"
                checked.append((unit, _check(settings, store, name, interval=series, repair=repair, undo=undo)))
            except ForecastError as error:
                if len(names) == 1:
                    raise
                failed[name] = error
                settings.error(f"{name}: {error}")
    if as_json:
        results = [
            {"symbol": series.symbol, unit: series.rows, "findings": [vars(finding) for finding in series.findings]}
            for unit, series in checked
        ]
        reasons = {name: str(error) for name, error in failed.items()}
        print_json(results[0] if len(names) == 1 else {"checked": results, "failed": reasons})
    else:
        _print_findings(checked)
    if failed:
        raise ForecastError(
            f"Checked {len(checked)} of {len(names)} symbols, not {listed_by_reason(failed)}. "
            "`forecast data list` shows what is stored."
        )


def _check(
    settings: CliContext, store: "Store", symbol: str, *, interval: str, repair: bool, undo: int | None
) -> "SeriesCheck":
    """The findings on one series, as it was before its repair."""
    from forecast.api.stored_prices import check_series, repair_series

    if undo is not None:
        rows = store.undo(undo, symbol, interval=interval)
        settings.note(
            f"{symbol.upper()}: {formatting.count(rows)} bars, dividends and splits are again as in version {undo}."
        )
    series = check_series(store, symbol, interval)
    if repair and any(finding.repair for finding in series.findings):
        before = repair_series(store, symbol, interval)
        settings.note(f"Repaired. Take it back with `forecast data check {series.symbol} --undo {before}`.")
    return series


def _print_findings(checked: "Sequence[tuple[str, SeriesCheck]]") -> None:
    """How many, and a table of them, by symbol where there are several."""
    several = len(checked) > 1
    total = sum(len(series.findings) for _, series in checked)
    findings = formatting.plural(total, "finding")
    if several:
        clean = sum(not series.findings for _, series in checked)
        say(f"{len(checked)} symbols, {findings}; {clean} without any.")
    for unit, series in () if several else checked:
        say(f"{series.symbol}: {formatting.count(series.rows)} {unit}, {findings}.")
    columns = [Column("session"), Column("what", wrap=True), Column("how much"), Column("repair", wrap=True)]
    cells = [
        [series.symbol, finding.session, finding.kind, finding.size, finding.repair]
        for _, series in checked
        for finding in series.findings
    ]
    if all(unit != "bars" for unit, _ in checked):  # trades are not repaired
        columns, cells = columns[:-1], [row[:-1] for row in cells]
    if several:
        columns = [Column("symbol"), *columns]
    print_table(columns, cells if several else [row[1:] for row in cells])


@command.command("compact")
@json_option
@click.pass_obj
def compact(settings: CliContext, /, as_json: bool) -> None:
    """Merge the small files of many updates into large ones. Earlier versions stay readable.

    \b
    Example:
      forecast data compact
    """
    from forecast.api.stored_prices import compact_prices
    from forecast.cli.progress import busy

    with busy(settings, "Merging files"):
        fewer = compact_prices(settings.workspace)
    if as_json:
        print_json({"files_fewer": fewer})
    else:
        click.echo(f"{formatting.plural(fewer, 'file')} fewer.")


@command.command("remove")
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...", shell_complete=completion.symbols)
@yes_option
@click.pass_obj
def remove(settings: CliContext, /, symbols: tuple[str, ...], yes: bool) -> None:
    """Remove all of a symbol: bars, dividends and splits, trades and quotes. Its runs stay.

    Bars, dividends and splits can be brought back with data check --undo; trades have to be fetched again.

    \b
    Example:
      forecast data remove ACME
    """
    from forecast.api.stored_prices import remove_prices
    from forecast.serving.live import read_live
    from pipelines.market.types import check_symbol

    names = list(dict.fromkeys(check_symbol(symbol) for symbol in symbols))
    for live in read_live(settings.workspace.live):
        if live.symbol in names:
            settings.note(f"{live.symbol} is live: its signals will fail. First: forecast live remove {live.run}.")
    confirm(f"Remove all prices of {', '.join(names)} from {settings.store}?", yes=yes)
    for name in names:
        before = remove_prices(name, workspace=settings.workspace)
        say(f"Removed {name}. Its bars come back with `forecast data check {name} --undo {before}`.")


@command.command("export")
@click.argument("symbol", shell_complete=completion.symbols)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@option_of(SeriesConfig, "interval")
@option_of(SeriesConfig, "adjust")
@click.pass_obj
def export(settings: CliContext, /, symbol: str, file: Path, interval: str | None, adjust: str) -> None:
    """Write a series to a .parquet or .csv file.

    In a CSV file, text that a spreadsheet would run as a formula is made plain with a leading apostrophe.

    \b
    Examples:
      forecast data export AAPL aapl.csv --adjust back
      forecast data export ES trades.parquet --interval ticks
    """
    from forecast.api.stored_prices import prices
    from forecast.cli.progress import busy
    from pipelines.store.export import write_frame

    if file.suffix not in (".csv", ".parquet"):
        raise click.UsageError(f"Expected a file that ends in .csv or .parquet, got {file.name!r}.")
    with busy(settings, f"Writing {file.name}"):
        frame = _dated(prices(symbol, interval=interval, adjust=adjust, workspace=settings.workspace))
        frame.insert(0, "symbol", symbol.strip().upper())
        write_frame(frame, file)
    say(f"{formatting.count(len(frame))} rows in {file}")


def _dated(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The index as a first column of texts, under a heading that says what it is."""
    import pandas as pd

    bars = "close" in frame.columns
    headings = {"date": "session", "time": "closed at, UTC" if bars else "time, UTC", "ex_date": "ex date"}
    times = frame.index.tz_localize(None) if isinstance(frame.index, pd.DatetimeIndex) else frame.index
    unit = "D" if frame.index.name != "time" else "s" if bars else "ns"
    texts = times.to_numpy().astype(f"datetime64[{unit}]").astype(str)
    dated = frame.reset_index(drop=True)
    dated.insert(0, headings[str(frame.index.name)], texts)
    return dated


def _print_frame(frame: "pd.DataFrame") -> None:
    columns = [Column(str(name), number=frame[name].dtype.kind in "fi") for name in frame.columns]
    rows = frame.itertuples(index=False, name=None)
    print_table(columns, [[cell if isinstance(cell, str) else _plain(float(cell)) for cell in row] for row in rows])


def _plain(value: float) -> str:
    """Ten significant digits, never as 1.1e-05; whole numbers without a point."""
    if value == int(value):
        return formatting.count(value)
    places = max(0, 9 - math.floor(math.log10(abs(value))))
    return formatting.number(value, places).rstrip("0")
