"""What a panel is trained on: the prices of its symbols, each read once, and which of them cannot take part."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from forecast.config.experiment import Experiment
from forecast.datasets import lookahead_audit
from forecast.datasets.dataset import (
    Dataset,
    Source,
    common_features,
    load,
    load_covariates,
    make_bars,
    make_windows,
    with_cross_sections,
)
from forecast.datasets.panel import PanelDataset, idle_symbols, lay_out, pool, write_panel
from forecast.datasets.panel_audit import histories_until
from pipelines.errors import ConfigError, ForecastError, TooFewBarsError, listed
from pipelines.market.times import day
from pipelines.market.types import Bars
from pipelines.preprocessing import walk_forward
from pipelines.preprocessing.windows import Windows
from pipelines.store.store import Store

_YEAR = np.timedelta64(366, "D")


@dataclass(frozen=True, kw_only=True, eq=False)
class PanelPrices:
    """What a panel is made of: the sources and bars of the symbols that can take part, and why others cannot."""

    experiment: Experiment
    sources: Mapping[str, Source]
    bars: Mapping[str, Bars]
    unsuitable: Mapping[str, str]


def read_panel(
    experiment: Experiment, *, store: Store, folder: Path, skip_unsuitable: bool
) -> tuple[PanelPrices, PanelDataset]:
    """Prices, windows and folds of a panel; each symbol is read once.

    folder: where the matrix of features is written.

    Raises:
        ConfigError: symbols that cannot take part, all of them named, unless they are to be left out.
        TooFewBarsError: too little history for the folds.
    """
    sources: dict[str, Source] = {}
    bars: dict[str, Bars] = {}
    unsuitable: dict[str, str] = {}
    covariates = load_covariates(store, experiment)
    for symbol in experiment.panel:
        try:
            sources[symbol] = load(store, experiment.of_symbol(symbol), covariates=covariates)
            bars[symbol] = make_bars(sources[symbol], experiment.of_symbol(symbol))
        except ForecastError as error:
            unsuitable[symbol] = str(error)
    unsuitable |= _apart_in_time(bars)
    if not experiment.features and bars:
        experiment = replace(experiment, features=common_features(list(bars.values())))

    def parts(suitable: Sequence[str]) -> Iterator[tuple[str, Windows]]:
        for symbol in suitable:
            try:
                windows = make_windows(bars[symbol], experiment.of_symbol(symbol))
            except TooFewBarsError as error:
                unsuitable[symbol] = str(error)
            else:
                yield symbol, windows

    dataset = None
    while dataset is None:
        _refuse(unsuitable, experiment, skip=skip_unsuitable)
        before = len(unsuitable)
        suitable = sorted(set(bars) - set(unsuitable))
        bars |= with_cross_sections({symbol: bars[symbol] for symbol in suitable}, experiment)
        panel = write_panel(folder, parts(suitable))
        folds, _ = lay_out(panel, experiment)
        for symbol in idle_symbols(panel, folds):
            unsuitable[symbol] = _why_idle(
                bars[symbol], first=min(panel.windows.decided_at[fold.test[0]] for fold in folds)
            )
        if len(unsuitable) > before:
            _refuse(unsuitable, experiment, skip=skip_unsuitable)
        else:
            dataset = pool(panel, experiment)
    symbols = dataset.panel.symbols
    lines = tuple(line for line in experiment.membership if line.partition(",")[0] in symbols)
    prices = PanelPrices(
        experiment=replace(experiment, panel=symbols, membership=lines),
        sources={symbol: replace(sources[symbol], across=bars[symbol]) for symbol in symbols},
        bars={symbol: bars[symbol] for symbol in symbols},
        unsuitable=unsuitable,
    )
    return prices, dataset


def _apart_in_time(bars: Mapping[str, Bars]) -> dict[str, str]:
    """The symbols apart from the others by a year or more in which none of the panel trades, each with that as reason.

    Of the parts of a panel that has such a year the one with the most bars stays.
    """
    spans = sorted((prices.closed_at[0], prices.closed_at[-1], symbol) for symbol, prices in bars.items())
    parts: list[list[str]] = []
    latest = None
    for first, last, symbol in spans:
        if latest is None or first - latest > _YEAR:
            parts.append([])
        parts[-1].append(symbol)
        latest = last if latest is None else max(latest, last)
    longest = max(parts, key=lambda part: sum(len(bars[symbol]) for symbol in part), default=[])
    closes = np.array([bars[symbol].closed_at[[0, -1]] for symbol in longest]).reshape(-1, 2)
    together = f"{day(closes.min())} to {day(closes.max())}" if longest else ""
    return {
        symbol: f"its {len(bars[symbol])} bars of {_span(bars[symbol])} share no day with the others, of {together}"
        for part in parts
        if part is not longest
        for symbol in part
    }


def _refuse(unsuitable: Mapping[str, str], experiment: Experiment, *, skip: bool) -> None:
    """Stops where symbols cannot take part and are not to be left out, or fewer than two are left."""
    remaining = len(set(experiment.panel) - set(unsuitable))
    if not unsuitable or (skip and remaining >= 2):
        return
    reasons = [f"{symbol} ({_short(reason, symbol)})" for symbol, reason in sorted(unsuitable.items())]
    hint = "Leave them out: --skip-unsuitable." if remaining >= 2 else f"Only {remaining} would be left: name others."
    raise ConfigError(
        f"Expected symbols that can take part in the panel, got {len(reasons)} of {len(experiment.panel)} that cannot: "
        f"{listed(reasons, at_most=20, separator='; ')}. {hint}"
    )


def _short(reason: str, symbol: str) -> str:
    """The first sentence of an error, without the symbol that stands before it already and the list of all others."""
    sentence = reason.removeprefix(f"{symbol}: ").split(". ")[0]
    sentence = re.sub(r"in the store \([^)]*\)", "in the store", sentence)
    return " ".join(sentence.rstrip(".").split())[:160]


def _why_idle(prices: Bars, *, first: np.datetime64) -> str:
    return (
        f"{len(prices)} bars of {_span(prices)} give no fold {walk_forward.FEWEST_ROWS['train']} training rows; the "
        f"first fold tests from {day(first)} on"
    )


def _span(prices: Bars) -> str:
    return " to ".join(map(day, prices.closed_at[[0, -1]]))


def panel_notes(prices: PanelPrices, dataset: PanelDataset) -> Iterator[str]:
    """What a person should know about the panel before it is trained."""
    if prices.unsuitable:
        left_out = [f"{symbol} ({_short(why, symbol)})" for symbol, why in sorted(prices.unsuitable.items())]
        yield f"Left out: {listed(left_out, at_most=20, separator='; ')}."
    consequences = {
        "currency": "Returns are each in their own currency.",
        "calendar": "Decisions stand in the order of their closes in real time.",
    }
    for name, consequence in consequences.items():
        kinds = Counter(str(getattr(bars, name)) or "unknown" for bars in prices.bars.values())
        if len(kinds) > 1:
            counted = ", ".join(f"{kind} ({count})" for kind, count in kinds.most_common())
            yield f"The panel has more than one {name}: {counted}. {consequence}"
    tested = set(dataset.tested())
    if silent := [symbol for symbol in dataset.panel.symbols if symbol not in tested]:
        yield f"Only learned from, because no test block has enough of their rows: {listed(silent)}."
    if not prices.experiment.membership:
        yield (
            "No days of membership are given: symbols chosen today have survived until today, which flatters every "
            "result (survivorship bias). A file with symbol,from,to avoids it: forecast train @universe.csv."
        )


def truncated_in_first_test(dataset: PanelDataset, prices: PanelPrices, *, folder: Path) -> PanelDataset | None:
    """The panel as it stood in the middle of the first test block: members trained on it must be the same ones.

    None where that block is too short for every label before it to be there by then.
    """
    panel, first, experiment = dataset.panel, dataset.folds[0].test, prices.experiment
    until = first[: len(first) // 2]
    moments = len(np.unique(panel.windows.decided_at[until]))
    if moments <= experiment.horizon + walk_forward.FEWEST_ROWS["test"]:
        return None
    cutoff = panel.windows.decided_at[until[-1]]

    def parts() -> Iterator[tuple[str, Windows]]:
        for symbol, bars in histories_until(cutoff, prices.sources, experiment):
            with suppress(TooFewBarsError):  # it had hardly begun: no row of it was learned from
                symbol_experiment = experiment.of_symbol(symbol)
                yield symbol, _as_in(dataset, bars, make_windows(bars, symbol_experiment), symbol_experiment)

    return pool(write_panel(folder, parts()), experiment, planned=len(panel.windows))


def _as_in(dataset: PanelDataset, prices: Bars, windows: Windows, experiment: Experiment) -> Windows:
    """A symbol's windows made again, with the panel's values where a person's features differ by rounding alone."""
    symbol = experiment.symbol
    scalers = tuple(fold[symbol] for fold in dataset.scalers if symbol in fold)
    original = Dataset(bars=prices, windows=dataset.panel.part(symbol), folds=(), scalers=scalers)
    recomputed = Dataset(bars=prices, windows=windows, folds=(), scalers=())
    return lookahead_audit.without_rounding(recomputed, original, experiment, bar=len(prices) - 1).windows
