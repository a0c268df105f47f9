"""What counts as significant: the one place of the level, the power and the fewest observations."""

from dataclasses import dataclass
from statistics import NormalDist

from pipelines.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class SignificanceConfig:
    """How the verdict's comparisons are judged.

    level: of confidence intervals; 1 - level is the chance of a false claim in each family. power: with which the
    minimum detectable effect is found. draws: bootstrap resamples, where a statistic needs them. fewest: days (or
    bars) below which nothing is claimed. coverage_days: sessions below which intervals are known to be too narrow.
    """

    level: float = 0.95
    power: float = 0.8
    draws: int = 10_000
    fewest: int = 20
    coverage_days: int = 100

    def __post_init__(self) -> None:
        for name in ("level", "power"):
            if not 0.5 <= getattr(self, name) < 1.0:
                raise ConfigError(f"Expected {name} from 0.5 to below 1, got {getattr(self, name)!r}.")
        if self.draws < 100 or self.fewest < 2:
            raise ConfigError(
                f"Expected 100 draws or more and 2 observations or more, got {self.draws}, {self.fewest}."
            )

    @property
    def critical_value(self) -> float:
        """How many standard errors a two-sided normal interval reaches to either side: 1.96 at 0.95."""
        return NormalDist().inv_cdf((1.0 + self.level) / 2)


SIGNIFICANCE = SignificanceConfig()
