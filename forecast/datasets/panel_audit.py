"""Look-ahead audit of a panel: the order in time over all symbols, and the whole chain again for some at random.

Every symbol goes through the same functions, so each feature and label is made again on truncated and scrambled
histories of a few symbols drawn at random; that what is learned is known before what is tested is checked for all.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from forecast.config.experiment import Experiment
from forecast.datasets import lookahead_audit
from forecast.datasets.certificate import Certificate
from forecast.datasets.dataset import Source
from forecast.datasets.feature_audit import detectable_share
from forecast.datasets.panel import PanelDataset, known_at
from pipelines.market.types import Bars

AUDITED = 4
"""Symbols whose chain is made again, at random: 600 cuts at random per feature, as many as four runs have."""


def certify_panel(
    dataset: PanelDataset,
    experiment: Experiment,
    *,
    source_of: Callable[[str], Source],
    bars_of: Callable[[str], Bars],
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
        own = dataset.of_symbol(symbol, bars_of(symbol))
        failures += [f"{symbol}: {each}" for each in lookahead_audit.structure(own, experiment.of_symbol(symbol))]
    certificates = [
        lookahead_audit.certify(
            source_of(symbol), experiment.of_symbol(symbol), dataset.of_symbol(symbol, bars_of(symbol)), seed=place
        )
        for place, symbol in enumerate(sample)
    ]
    return _joined(certificates, sample, checked=len(dataset.panel.symbols), failures=failures)


def _joined(
    certificates: Sequence[Certificate], sample: Sequence[str], *, checked: int, failures: Sequence[str]
) -> Certificate:
    """One certificate of all of them."""
    own = [f"{symbol}: {each}" for symbol, shown in zip(sample, certificates, strict=True) for each in shown.failures]
    random = sum(each.random_cuts for each in certificates)
    return Certificate(
        cuts=tuple(sorted({cut for each in certificates for cut in each.cuts})),
        compared=checked + sum(each.compared for each in certificates),
        failures=tuple(dict.fromkeys([*failures, *own])),
        unverifiable=tuple(dict.fromkeys(entry for each in certificates for entry in each.unverifiable)),
        feature_cuts=sum(each.feature_cuts for each in certificates),
        random_cuts=random,
        detectable_share=round(detectable_share(random), 6),
        audited=tuple(sample),
        symbols=checked,
    )
