"""The stationary bootstrap of Politis and Romano (1994), all draws at once."""

import math

import numpy as np
from numpy.typing import NDArray

from pipelines.market.types import Floats

_CHUNK = 300_000  # blocks drawn at a time
_PIECE = 16_000  # of them summed at a time: what that needs stays in the cache of the processor


def block_length(series: Floats) -> float:
    """Mean block length for the stationary bootstrap of a mean: Politis and White (2004), corrected with Patton (2009).

    series: shape (observations,), not constant. At least 1, at most a third of the observations.
    """
    centered, length = series - series.mean(), len(series)
    quiet = max(5, int(math.log10(length)))  # so many insignificant correlations in a row end the search
    lags = np.arange(min(math.ceil(math.sqrt(length)) + quiet, length - 2) + 1)
    product = np.array([centered[lag:] @ centered[: length - lag] for lag in lags])
    squares = np.concatenate([[0.0], np.cumsum(np.square(centered))])
    scale = np.sqrt((squares[-1] - squares[lags + 1]) * squares[length - 1 - lags])
    loud = np.abs(product) > 2.0 * math.sqrt(math.log10(length) / length) * scale
    silent = np.convolve(loud[1:-1], np.ones(quiet), "valid") == 0
    width = min(2 * (int(np.argmax(silent)) + 1) if silent.any() else int(lags[-1]), int(lags[-1]))
    covariance = product / length
    lag = np.arange(1, width + 1)
    weight = np.minimum(1.0, 2.0 * (1.0 - lag / width))  # the flat-top window: 1 up to one half, then falling to 0
    curvature = 2.0 * float((weight * lag * covariance[1 : width + 1]).sum())
    spectrum = float(covariance[0] + 2.0 * (weight * covariance[1 : width + 1]).sum())
    if not spectrum:
        return 1.0
    optimal = (curvature**2 / spectrum**2) ** (1.0 / 3.0) * length ** (1.0 / 3.0)
    return float(np.clip(optimal, 1.0, math.ceil(min(3.0 * math.sqrt(length), length / 3.0))))


def variance_of_mean(series: Floats, *, block: float) -> float:
    """The variance of a mean under the stationary bootstrap, in closed form: what infinitely many draws would give.

    series: shape (observations,). block: mean length of a block, 1 or more. Politis and Romano (1994), lemma 1; the
    circular covariances come from a Fourier transform.
    """
    length = len(series)
    power = np.abs(np.fft.rfft(series - series.mean())) ** 2
    covariance = np.fft.irfft(power, length) / length
    weight = (1.0 - 1.0 / block) ** np.arange(1, length)
    weight *= 1.0 - np.arange(1, length) / length
    return float(max(0.0, covariance[0] + 2.0 * weight @ covariance[1:]) / length)


def resampled_means(series: Floats, *, block: float, draws: int, rng: np.random.Generator) -> Floats:
    """Means of resampled series, shape (draws, columns).

    series: shape (observations, columns); every column is resampled at the same times, so that what the columns
    have in common stays in common. block: mean length of a block, 1 or more. A block that runs over the end goes
    on at the beginning. Sums of blocks come from running sums, never from the resampled rows themselves.
    """
    length, columns = series.shape
    running = np.zeros((columns, 2 * length + 1))
    running[:, 1:] = np.cumsum(np.concatenate([series, series]), axis=0).T
    expected = length / block
    blocks = min(length, int(expected + 6.0 * np.sqrt(expected) + 10))
    means = np.empty((draws, columns))
    chunk, piece = max(1, _CHUNK // blocks), max(1, _PIECE // blocks)
    for first in range(0, draws, chunk):
        rows = min(chunk, draws - first)
        starts = rng.integers(0, length, size=(rows, blocks), dtype=np.int32)
        if block <= 1.0:  # every block is one observation: count how often each was drawn
            place = starts + (np.arange(rows) * length)[:, None]
            counts = np.bincount(place.ravel(), minlength=rows * length).reshape(rows, length)
            means[first : first + rows] = counts @ series / length
            continue
        waits = rng.standard_exponential(size=(rows, blocks), dtype=np.float32)
        for begin in range(0, rows, piece):
            places = starts[begin : begin + piece].astype(np.intp)
            ends = places + _lengths(waits[begin : begin + piece], total=length, block=block)
            for column, sums_so_far in enumerate(running):
                sums = sums_so_far.take(ends)
                sums -= sums_so_far.take(places)
                means[first + begin : first + begin + len(sums), column] = sums.sum(axis=1) / length
    return means


def _lengths(waits: NDArray[np.float32], *, total: int, block: float) -> NDArray[np.int32]:
    """Geometric block lengths with the given mean, cut so that each row sums to total; of exponential waits.

    Both of shape (rows, blocks).
    """
    lengths = waits / -np.log1p(-1.0 / block)
    np.minimum(np.add(np.floor(lengths, out=lengths), 1.0, out=lengths), total, out=lengths)
    ends = np.cumsum(lengths.astype(np.int32), axis=1, dtype=np.int32)
    np.minimum(ends, total, out=ends)
    ends[:, -1] = total
    ends[:, 1:] -= ends[:, :-1].copy()
    return ends
