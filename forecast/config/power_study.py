"""What a power study tries: simulated markets whose truth is known."""

from dataclasses import dataclass

from forecast.config.fields import check, documented, setting


@documented
@dataclass(frozen=True, kw_only=True)
class PowerStudyConfig:
    """Markets to simulate. kinds: each with every edge, where it has one; markets: of each kind and edge.

    Examples
    --------
    >>> import forecast as fc
    >>> fc.PowerStudyConfig(markets=50, edges=[0.1]).edges
    (0.1,)
    """

    kinds: tuple[str, ...] = setting(
        ("none", "lag-1"),
        "texts",
        "none, shuffled, lag-K, memory or switching; several by repeating.",
        group="",
        option="market",
    )
    edges: tuple[float, ...] = setting(
        (0.05, 0.1, 0.2, 0.3),
        "number",
        "Correlation that is planted in the other markets; several by repeating.",
        group="",
        option="edge",
        low=0,
        high=1,
        open_low=True,
        open_high=True,
        several=True,
    )
    markets: int = setting(20, "integer", "Markets per kind and edge.", group="", low=1, high=10_000)
    n_bars: int = setting(
        3_000, "integer", "Length of each market.", group="", low=100, high=1_000_000, aliases=("bars-per-market",)
    )

    def __post_init__(self) -> None:
        check(self)
