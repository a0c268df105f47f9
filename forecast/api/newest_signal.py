"""How a run is asked for its newest signal: what the store lacks is fetched, its members loaded, and decided."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from forecast.api.arguments import jobs_of
from forecast.api.training import make_workers
from forecast.compute.progress import Progress
from forecast.runs.run import Run
from forecast.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np

    from forecast.config.experiment import Experiment
    from forecast.config.trading import TradingConfig
    from forecast.serving.evening import LiveForecast
    from pipelines.sources.yahoo.client import Client
    from pipelines.store.store import Store

_SOURCES = {"sample": "the sample", "csv": "a file", "frame": "a DataFrame"}


def ask(
    run: Run,
    *,
    workspace: Workspace,
    now: "np.datetime64",
    offline: bool,
    refit: bool,
    jobs: int | None,
    rules: dict[str, Any],
    note: Callable[[str], None],
    trading: "TradingConfig | None" = None,
    progress: Progress | None = None,
    store: "Store | None" = None,
    client: "Client | None" = None,
) -> "LiveForecast":
    """Fetch, load, decide.

    store, client: of the workspace and of Yahoo, where several runs are asked one after another; None: fresh ones.

    progress: of refitting; None: notes alone.

    trading: the rules, None for those of the run's newest backtest. rules: what differs from them; None where nothing
    does.
    """
    from forecast.datasets.dataset import make_bars
    from forecast.serving.evening import LiveForecast
    from forecast.serving.loader import load_members, open_experiment, source_now
    from forecast.serving.signal import outlook, rules_of
    from pipelines.store.store import Store

    store = store or Store(workspace.store)
    described, experiment = open_experiment(run)
    trading = replace(trading or rules_of(run), **{name: value for name, value in rules.items() if value is not None})
    if not offline:
        for message in refresh_all(workspace, store, experiment, symbols=[experiment.symbol], now=now, client=client):
            note(message)
    source = source_now(run, experiment, store)
    newest = None
    if refit:
        from forecast.serving.refit import refit as refit_members

        kind = described.get("backend", "tensorflow")
        with make_workers(jobs=jobs_of(jobs), backend=kind, cluster=None) as workers:
            newest = refit_members(run, source, workers=workers, note=note, progress=progress)
    loaded = load_members(run)
    forecast = outlook(loaded, source, rules=trading, newest=newest)
    return LiveForecast(loaded=loaded, forecast=forecast, prices=make_bars(source, experiment), actions=source.actions)


def refresh_all(
    workspace: Workspace,
    store: "Store",
    experiment: "Experiment",
    *,
    symbols: Iterable[str],
    now: "np.datetime64",
    client: "Client | None" = None,
) -> list[str]:
    """Fetches what the store lacks of these symbols and of the covariates: what a person should know, each once."""
    from forecast.api import prices

    alone, client = replace(experiment, covariates=()), client or prices.new_client()
    names = (*symbols, *experiment.covariates)
    messages = [refresh(workspace, store, alone.of_symbol(name), now=now, client=client) for name in names]
    return list(dict.fromkeys(filter(None, messages)))


def refresh(
    workspace: Workspace,
    store: "Store",
    experiment: "Experiment",
    *,
    now: "np.datetime64",
    client: "Client | None" = None,
) -> str:
    """Fetches what the store lacks, as far as the place where the series came from has it.

    Returns what a person should know: what came, or why nothing did; "" if all is there.
    """
    import numpy as np

    from forecast.api import prices
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
    client = client or prices.new_client()
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
