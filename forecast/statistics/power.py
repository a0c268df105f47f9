"""What an experiment could have seen: the smallest true difference that its days and their noise would have told."""

import math
from dataclasses import dataclass

import numpy as np

from forecast.statistics.paired_test import PairedTest
from pipelines.market.types import Floats

POWER = 0.8


@dataclass(frozen=True, kw_only=True)
class MinimumDetectableEffect:
    """The smallest true difference of two strategies that would have been told 4 times in 5.

    a_unit: mean difference a day or bar; a_year: the same, added up over a year. sharpe: as the yearly Sharpe ratio of
    the difference itself, which is what a person who holds one and is short of the other would have.
    """

    model: str
    rival: str
    level: float
    power: float
    a_unit: float
    a_year: float
    sharpe: float


def sight(made: PairedTest, difference: Floats, *, per_year: float) -> MinimumDetectableEffect | None:
    """From the interval that was found, without training again; None where there is no interval.

    A true difference is told when the interval lies on one side of zero. With power 0.8 that takes half the interval
    and 0.84 standard errors more. difference: net returns of the first minus the second a day or bar, shape
    (observations,). per_year: days or bars a year.
    """
    from scipy.special import ndtri

    if made.low is None or made.high is None:
        return None
    half = (made.high - made.low) / 2.0
    error = half / float(ndtri((1.0 + made.level) / 2.0))
    smallest = half + float(ndtri(POWER)) * error
    return MinimumDetectableEffect(
        model=made.model,
        rival=made.rival,
        level=made.level,
        power=POWER,
        a_unit=smallest,
        a_year=smallest * per_year,
        sharpe=smallest / float(np.std(difference, ddof=1)) * math.sqrt(per_year),
    )
