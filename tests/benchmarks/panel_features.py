"""Fourteen features of every symbol of a store, six of them across the symbols, from a cold start.

    python -m tests.benchmarks.panel_features STORE [SYMBOLS]

STORE holds daily bars; SYMBOLS of them are read, all by default.
"""

import sys
import time

import numpy as np

FEATURES = (
    "return", "overnight", "range", "close_position", "relative_volume", "volatility", "momentum_5", "momentum_20",
    "rank:return", "rank:relative_volume", "rank:momentum_20", "relative:return", "relative:range",
    "relative:volatility",
)  # fmt: skip


def main() -> None:
    """Prints wall and processor seconds, the imports included."""
    began = time.perf_counter()
    from forecast.config.experiment import Experiment
    from forecast.datasets.dataset import load, make_bars, with_cross_sections
    from pipelines.preprocessing import features
    from pipelines.store.store import Store

    store = Store(sys.argv[1])
    catalogue = store.catalogue()
    symbols = sorted(catalogue.loc[catalogue["interval"] == "1d", "symbol"])[: int((*sys.argv, 10**6)[2])]
    experiment = Experiment("ALL", panel=symbols, features=FEATURES)
    bars = {}
    for symbol in symbols:
        own = experiment.of_symbol(symbol)
        bars[symbol] = make_bars(load(store, own), own)
    read = time.perf_counter() - began
    rows = 0
    for history in with_cross_sections(bars, experiment).values():
        matrix = features.compute(history, names=FEATURES)
        rows += int(np.isfinite(matrix).all(axis=1).sum())
    print(
        f"{len(symbols)} symbols, {rows:,} whole rows of {len(FEATURES)} features: "
        f"{time.perf_counter() - began:.1f} s, {read:.1f} s of them to read and adjust; "
        f"{time.process_time():.1f} s of processor time"
    )


if __name__ == "__main__":
    main()
