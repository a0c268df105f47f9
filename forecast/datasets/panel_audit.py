"""Look-ahead audit of a panel: the order in time over all symbols, and the whole chain again for some at random.

Every symbol goes through the same functions, so each feature and label is made again on truncated and scrambled
histories of a few symbols drawn at random; that what is learned is known before what is tested is checked for all.
Features across symbols are made again for all symbols, from histories that all end, or turn into noise, at one moment.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from forecast.config.experiment import Experiment
from forecast.datasets import lookahead_audit
from forecast.datasets.altered_histories import scrambled, truncated
from forecast.datasets.certificate import Certificate
from forecast.datasets.dataset import Source, compared_features, make_bars, with_cross_sections
from forecast.datasets.feature_audit import detectable_share
from forecast.datasets.panel import PanelDataset, known_at
from forecast.datasets.tick_history import TickHistory
from pipelines.errors import TooFewBarsError
from pipelines.market.types import Bars
from pipelines.preprocessing import cross_section, scaling

_MOMENTS = 4  # at which the cross-sections are made again, on two other futures each

AUDITED = 4
"""Symbols whose chain is made again, at random: 600 cuts at random per feature, as many as four runs have."""


def certify_panel(
    dataset: PanelDataset,
    experiment: Experiment,
    *,
    sources: Mapping[str, Source],
    bars: Mapping[str, Bars],
    audited: int = AUDITED,
    seed: int = 0,
) -> Certificate:
    """Checks a panel's data from raw prices to folds and scalers.

    Raises:
        ConfigError: a person's own feature that fails, takes too long, or gives other values for the same bars.
    """
    tested = dataset.tested()
    rng = np.random.default_rng([seed, len(tested)])
    sample = sorted(rng.choice(tested, size=min(audited, len(tested)), replace=False).tolist())
    windows = dataset.windows
    if dataset.targets is not None:  # a target of the whole moment is known when the last return of it is
        windows = replace(windows, exit_at=known_at(windows))
    failures = list(lookahead_audit.late_rows(windows, dataset.folds))
    for symbol in dataset.panel.symbols:
        symbol_dataset = dataset.of_symbol(symbol, bars[symbol])
        failures += [
            f"{symbol}: {failure}"
            for failure in lookahead_audit.structure(symbol_dataset, experiment.of_symbol(symbol))
        ]
    compared = 0
    if experiment.scaling == "panel":
        compared += len(dataset.folds)
        failures += list(_late_scalers(dataset))
    for moment, unchanged in _across_again(dataset, experiment, sources, bars, rng=rng):
        compared += 1
        failures += [] if unchanged else [f"features across symbols change when the future after {moment} is another"]
    certificates = [
        lookahead_audit.certify(
            sources[symbol], experiment.of_symbol(symbol), dataset.of_symbol(symbol, bars[symbol]), seed=place
        )
        for place, symbol in enumerate(sample)
    ]
    joined = _joined(certificates, sample, checked=len(dataset.panel.symbols), failures=failures)
    return replace(joined, compared=joined.compared + compared)


def _late_scalers(dataset: PanelDataset) -> Iterator[str]:
    """Folds whose common scaler is another when nothing after each symbol's last training window is there."""
    panel = dataset.panel
    for fold, scalers in zip(dataset.folds, dataset.scalers, strict=True):
        last = np.full(len(panel.symbols), -1, dtype=np.int64)
        np.maximum.at(last, panel.of[fold.train], panel.windows.ends[fold.train])
        values = np.array(panel.windows.values)
        for begin, end, stop in zip(panel.begins[:-1], last, panel.begins[1:], strict=True):
            values[max(begin, end + 1) : stop] = np.nan
        refitted = scaling.fit_scaler(replace(panel.windows, values=values), rows=fold.train)
        fitted = next(iter(scalers.values()))
        if not (np.array_equal(refitted.mean, fitted.mean) and np.array_equal(refitted.scale, fitted.scale)):
            yield f"the scaler of fold {fold.number} changes when the rows after its training rows are not there"


def histories_until(
    cutoff: np.datetime64, sources: Mapping[str, Source], experiment: Experiment
) -> Iterator[tuple[str, Bars]]:
    """The bars of a panel's symbols as they stood at a moment, those that had begun."""
    return _remade({symbol: truncated(source, cutoff) for symbol, source in sources.items()}, experiment)


def _remade(sources: Mapping[str, Source], experiment: Experiment) -> Iterator[tuple[str, Bars]]:
    """Bars of other histories, with the cross-sections of these histories where the features need them."""

    def bars() -> Iterator[tuple[str, Bars]]:
        for symbol, source in sources.items():
            if isinstance(source.raw, TickHistory) or len(source.raw):
                with suppress(TooFewBarsError):
                    yield symbol, make_bars(replace(source, across=None), experiment)

    if compared_features(experiment):  # all of them at once
        yield from with_cross_sections(dict(bars()), experiment).items()
    else:
        yield from bars()


def _across_again(
    dataset: PanelDataset,
    experiment: Experiment,
    sources: Mapping[str, Source],
    bars: Mapping[str, Bars],
    *,
    rng: np.random.Generator,
) -> Iterator[tuple[str, bool]]:
    """Whether features across symbols come out the same up to a moment, whatever comes after it, for a few moments."""
    names = [name for name in experiment.features if cross_section.parse(name)]
    tested = np.unique(np.concatenate([dataset.windows.decided_at[fold.test] for fold in dataset.folds]))
    for place in np.linspace(0, len(tested) - 1, _MOMENTS + 2).astype(int)[1:-1] if names else ():
        cutoff = tested[place]
        noise = {symbol: scrambled(source, cutoff, rng=rng) for symbol, source in sources.items()}
        for histories in (histories_until(cutoff, sources, experiment), _remade(noise, experiment)):
            unchanged = True
            for symbol, altered in histories:
                past = altered.closed_at <= cutoff
                original = bars[symbol]
                unchanged &= all(
                    np.array_equal(
                        altered.joined[name][past], original.joined[name][original.closed_at <= cutoff], equal_nan=True
                    )
                    for name in names
                )
            yield str(np.datetime_as_string(cutoff, unit="s")), unchanged


def _joined(
    certificates: Sequence[Certificate], sample: Sequence[str], *, checked: int, failures: Sequence[str]
) -> Certificate:
    """One certificate of all of them."""
    symbol_failures = [
        f"{symbol}: {failure}"
        for symbol, certificate in zip(sample, certificates, strict=True)
        for failure in certificate.failures
    ]
    random = sum(certificate.random_cuts for certificate in certificates)
    return Certificate(
        cuts=tuple(sorted({cutoff for certificate in certificates for cutoff in certificate.cuts})),
        compared=checked + sum(certificate.compared for certificate in certificates),
        failures=tuple(dict.fromkeys([*failures, *symbol_failures])),
        unverifiable=tuple(dict.fromkeys(entry for certificate in certificates for entry in certificate.unverifiable)),
        chain_cuts=sum(certificate.chain_cuts for certificate in certificates),
        feature_cuts=sum(certificate.feature_cuts for certificate in certificates),
        random_cuts=random,
        detectable_share=round(detectable_share(random), 6),
        audited=tuple(sample),
        symbols=checked,
    )
