"""Bringing the store up to date before a signal: from where the series came, as far as that has more of it."""

from typing import TYPE_CHECKING

import numpy as np

from forecast.cli.context import CliContext

if TYPE_CHECKING:
    from forecast.config.experiment import Experiment
    from pipelines.store.store import Store


def bring(settings: CliContext, store: "Store", experiment: "Experiment", *, now: np.datetime64) -> str:
    """Fetches what is missing. Returns what a person should know: what came, or why nothing did; "" if all is there."""
    from forecast.serving.signal import SETTLED
    from pipelines.errors import ForecastError
    from pipelines.market import calendars
    from pipelines.store import provenance

    symbol, interval = experiment.symbol, "" if experiment.bars else experiment.interval
    known = store.catalogue()
    mine = known[(known["symbol"] == symbol) & (known["interval"] == interval)]
    if len(mine) and interval == "1d":
        closed = calendars.last_closed(mine["calendar"].iloc[0], now=now - SETTLED)
        if np.datetime64(mine["last"].iloc[0], "D") >= closed:
            return ""
    origin = provenance.recall(settings.origins, symbol, interval)
    if origin is None:
        return f"Not known where the prices of {symbol} came from: going on with what is stored."
    if origin["source"] != "yahoo" or not interval:
        return (
            f"{symbol} came from {_NAMES.get(origin['source'], origin['source'])}, which has nothing newer by itself."
        )
    from forecast.cli.commands import fetch
    from pipelines.ingestion import update
    from pipelines.sources.yahoo import source

    options = {name: origin[name] for name in ("calendar", "max_dropped") if name in origin}
    client = fetch.new_client()
    try:
        done = update(
            store,
            symbol,
            interval=interval,
            start=None,
            read=lambda start: source.read(symbol, interval=interval, start=start, client=client, **options),
        )
    except ForecastError as error:
        return f"{error} Going on with what is stored."
    return f"Fetched {symbol} up to {done.last} from Yahoo."


_NAMES = {"sample": "the sample", "csv": "a file"}
