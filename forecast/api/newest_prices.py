"""What the store lacks of a run's symbols is fetched, as far as the place where they came from has it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from forecast.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np

    from forecast.config.experiment import Experiment
    from pipelines.sources.yahoo.client import Client
    from pipelines.store.store import Store

_SOURCES = {"sample": "the sample", "csv": "a file", "frame": "a DataFrame"}


def refresh_all(
    workspace: Workspace,
    store: "Store",
    experiment: "Experiment",
    *,
    symbols: Iterable[str],
    now: "np.datetime64",
    client: "Client",
) -> list[str]:
    """Fetches what the store lacks of these symbols and of the covariates: what a person should know, each once."""
    alone = replace(experiment, covariates=())
    names = (*symbols, *experiment.covariates)
    messages = [refresh(workspace, store, alone.of_symbol(name), now=now, client=client) for name in names]
    return list(dict.fromkeys(filter(None, messages)))


def refresh(
    workspace: Workspace,
    store: "Store",
    experiment: "Experiment",
    *,
    now: "np.datetime64",
    client: "Client",
) -> str:
    """Fetches what the store lacks, as far as the place where the series came from has it.

    Returns what a person should know: what came, or why nothing did; "" if all is there.
    """
    import numpy as np

    from forecast.serving.signal import SETTLED
    from pipelines.errors import ForecastError
    from pipelines.ingestion import update
    from pipelines.market import calendars
    from pipelines.store import provenance

    symbol, interval = experiment.symbol, "" if experiment.bars else experiment.interval
    catalogue = store.catalogue()
    series = catalogue[(catalogue["symbol"] == symbol) & (catalogue["interval"] == interval)]
    if len(series) and interval == "1d":
        closed = calendars.last_closed(series["calendar"].iloc[0], now=now - SETTLED)
        if np.datetime64(series["last"].iloc[0], "D") >= closed:
            return ""
    origin = provenance.recall(workspace.origins, symbol, interval)
    if origin is None:
        return f"Not known where the prices of {symbol} came from: going on with what is stored."
    if origin["source"] != "yahoo" or not interval:
        source = _SOURCES.get(origin["source"], origin["source"])
        return f"{symbol} came from {source}, which has nothing newer by itself."
    from pipelines.sources.yahoo import source as yahoo

    options = {name: origin[name] for name in ("calendar", "max_dropped") if name in origin}
    try:
        updated = update(
            store,
            symbol,
            interval=interval,
            start=None,
            read=lambda start: yahoo.read(symbol, interval=interval, start=start, client=client, **options),
        )
    except ForecastError as error:
        return f"{error} Going on with what is stored."
    return f"Fetched {symbol} up to {updated.last} from Yahoo."
