"""How large an account may be before its trades are a noticeable part of what is traded in a day."""

import numpy as np

from pipelines.market.types import Floats

SHARE = 0.01
"""Of a day's volume: from about there on a trade is expected to move the price by itself."""


def capacity(traded: Floats, value: Floats, *, share: float = SHARE) -> dict[str, float] | None:
    """The account at which a trade of middling, and of unusual size is this share of its day's volume.

    Parameters
    ----------
    traded
        Each trade as a fraction of the account, either sign; 0 for none.
    value
        What is traded of the symbol on that day in money, the same shape; 0 where it is not known.
    share
        Of the volume.

    Returns
    -------
    dict or None
        share; median, p95: the account at which the median trade, and the one that 95 % of trades do not exceed,
        are that share of the volume; trades: how many were measured. None where there is no trade, or no volume.

    Examples
    --------
    >>> capacity(np.array([0.1, -0.1, 0.0]), np.array([1e6, 2e6, 1e6]))["median"]
    133333.33333333334
    """
    measured = (traded != 0.0) & (value > 0.0)
    if not measured.any():
        return None
    parts = np.abs(traded[measured]) / value[measured]  # of the day's volume, for each unit of the account
    median, high = np.quantile(parts, [0.5, 0.95])
    return {
        "share": share,
        "median": float(share / median),
        "p95": float(share / high),
        "trades": int(measured.sum()),
    }
