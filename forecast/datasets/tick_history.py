"""A symbol's trades as pieces that are read anew each time they are needed: never all of them in memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipelines.bars import aggregation
from pipelines.market.types import Bars, Floats, Ticks

_DRIFT = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class TickHistory:
    """Trades in order of time, each with its quote where there are quotes. chunks: reads them, one piece or more."""

    symbol: str
    chunks: Callable[[], Iterator[Ticks]]

    def bars(self, kind: str) -> Bars:
        """Bars of these trades; pipelines.bars.aggregation.from_ticks says which kinds there are."""
        return aggregation.from_chunks(self.chunks(), kind)

    def collect(self) -> Ticks:
        """All of them at once."""
        return aggregation.joined(*self.chunks())

    def truncated(self, cutoff: np.datetime64) -> "TickHistory":
        """Without what comes after the cut; later pieces are not read."""

        def until() -> Iterator[Ticks]:
            for number, chunk in enumerate(self.chunks()):
                if number and len(chunk) and chunk.time[0] > cutoff:
                    return
                yield chunk.rows(chunk.time <= cutoff)

        return replace(self, chunks=until)

    def since(self, first: np.datetime64) -> "TickHistory":
        """Without what comes before first."""

        def after() -> Iterator[Ticks]:
            for chunk in self.chunks():
                yield chunk.rows(chunk.time >= first)

        return replace(self, chunks=after)

    def scrambled(self, cutoff: np.datetime64, *, seed: int) -> "TickHistory":
        """With another future after the cut: prices and quotes walk off at random, sizes and flow are shuffled."""

        def scrambled_chunks() -> Iterator[Ticks]:
            rng, height = np.random.default_rng(seed), 0.0
            for chunk in self.chunks():
                later = chunk.time > cutoff
                if not later.any():
                    yield chunk
                    continue
                walk = height + np.cumsum(rng.normal(0, _DRIFT, int(later.sum())))
                height = float(np.clip(walk[-1], -20.0, 20.0))
                yield _altered(chunk, later, np.exp(np.clip(walk, -20.0, 20.0)), rng)

        return replace(self, chunks=scrambled_chunks)


def _altered(chunk: Ticks, later: NDArray[np.bool_], drift: Floats, rng: np.random.Generator) -> Ticks:
    arrays = {}
    for name in ("price", "bid", "ask", "size", "bid_size", "ask_size", "order_flow"):
        if (column := getattr(chunk, name)) is None:
            continue
        column = column.copy()
        if name in ("price", "bid", "ask"):
            column[later] *= drift
        else:
            column[later] = rng.permutation(column[later]) + 1
        arrays[name] = column
    return replace(chunk, **arrays)
