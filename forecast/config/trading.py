"""How probabilities become trades, and what a trade costs: all that a backtest can be told."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from forecast.config import policies
from forecast.config.fields import check, documented, setting
from pipelines.errors import ConfigError, in_one_line

CALIBRATIONS = ("none", "temperature", "isotonic")
SIZES = ("full", "volatility", "kelly")
AUTO = "auto"
WEIGHTINGS = ("equal", "inverse-volatility")
TRADING = "Trading"
_BASIS_POINTS: dict[str, Any] = {"low": 0, "high": 10_000, "open_high": True}


@documented
@dataclass(frozen=True, kw_only=True)
class Costs:
    """What trading and borrowing cost.

    fee_bps, slippage_bps, half_spread_bps: basis points of the amount traded (1 bp = 0.01 %). borrow_rate: per year, on
    what is sold short. financing_rate: per year, on what is held beyond own money. Both as fractions: 0.03 is 3 %.
    Idle money and the proceeds of short sales earn nothing.

    Examples
    --------
    >>> import forecast as fc
    >>> fc.Costs(fee_bps=1, slippage_bps=2).rate
    0.0003
    """

    fee_bps: float = setting(1.0, "number", "Fee per trade, in basis points.", group=TRADING, **_BASIS_POINTS)
    slippage_bps: float = setting(2.0, "number", "Slippage per trade, likewise.", group=TRADING, **_BASIS_POINTS)
    half_spread_bps: float = setting(
        0.0,
        "number",
        "Half of the spread, likewise; auto: estimated from earlier bars, where they were built from trades; "
        "quoted: fills at the ask and the bid in force at the open, where there are quotes.",
        group=TRADING,
        **_BASIS_POINTS,
    )
    borrow_rate: float = setting(
        0.0, "number", "Interest per year on what is sold short: 0.03 is 3 %.", group=TRADING, low=0, high=10
    )
    financing_rate: float = setting(
        0.0,
        "number",
        "Interest per year on what is held beyond one's own money; idle money earns nothing.",
        group=TRADING,
        low=0,
        high=10,
    )

    def __post_init__(self) -> None:
        check(self)

    @property
    def rate(self) -> float:
        """Cost as a fraction of the amount traded."""
        return self.basis_points / 10_000

    @property
    def basis_points(self) -> float:
        """Cost of the amount traded, in basis points."""
        return self.fee_bps + self.slippage_bps + self.half_spread_bps


@documented
@dataclass(frozen=True, kw_only=True)
class TradingConfig:
    """What is done with each probability.

    threshold: a number, or "auto" for the one that would have earned most on the validation rows. spread: "given" in
    the costs, "bars" for a half-spread estimated from earlier bars, or "quoted" for fills at the ask and bid, on top of
    them. calibration: of probabilities, on
    validation rows. sizing: "full" is the whole account, "volatility" aims at target_volatility per year, "kelly" takes
    kelly_fraction of Kelly's; the last two at most max_leverage times the account. weighting: of the symbols of a
    panel.

    Parameters
    ----------
    costs : Costs
        What trading and borrowing cost.

    Examples
    --------
    >>> import forecast as fc
    >>> fc.TradingConfig(policy="long-short", costs=fc.Costs(fee_bps=1)).learns
    False
    """

    policy: str = setting(
        "long-flat",
        "text",
        "What a sell signal means: out of the market, or short; of a panel also which ranks are held: top-bottom:10, "
        "top:10, quantile:0.1, rank-weighted, top-drop:50:5.",
        group=TRADING,
        choices=policies.SINGLE,
        patterns=policies.PATTERNS,
        listed=policies.LISTED,
    )
    threshold: float | Literal["auto"] = setting(
        0.0,
        "number",
        "No-trade zone: hold while |probability - 0.5| <= threshold; auto: what earned most on validation rows.",
        group=TRADING,
        low=0,
        high=0.5,
        open_high=True,
        words=(AUTO,),
        aliases=("band",),
    )
    costs: Costs = Costs()
    spread: Literal["given", "bars", "quoted"] = setting(
        "given", "text", "Where the half-spread comes from.", group=TRADING, choices=("given", "bars", "quoted")
    )
    calibration: str = setting(
        "none",
        "text",
        "Calibration of probabilities, on each fold's validation rows.",
        group=TRADING,
        choices=CALIBRATIONS,
    )
    sizing: str = setting(
        "full",
        "text",
        "Position sizing: the whole account, a target volatility, or a part of Kelly's fraction.",
        group=TRADING,
        choices=SIZES,
        aliases=("size",),
    )
    target_volatility: float = setting(
        0.1, "number", "Per year, for --sizing volatility.", group=TRADING, low=0, open_low=True, high=10
    )
    max_leverage: float = setting(
        1.0,
        "number",
        "Largest position, in accounts, for --sizing volatility and kelly.",
        group=TRADING,
        low=0,
        open_low=True,
        high=20,
    )
    kelly_fraction: float = setting(
        0.5, "number", "Part of Kelly's fraction, for --sizing kelly.", group=TRADING, low=0, open_low=True, high=1
    )
    weighting: str = setting(
        "equal",
        "text",
        "Shares of a panel's symbols for long-flat and long-short: equal, or by 1 / trailing volatility.",
        group=TRADING,
        choices=WEIGHTINGS,
    )

    def __post_init__(self) -> None:
        if not isinstance(self.costs, Costs):
            raise ConfigError(
                f"Expected costs as Costs(fee_bps=1, slippage_bps=2), got {in_one_line(self.costs, at_most=80)}."
            )
        check(self)
        policies.cross_sectional(self.policy)

    @property
    def learns(self) -> bool:
        """Whether something is chosen on validation rows."""
        return self.threshold == AUTO or self.calibration != "none" or self.sizing == "kelly"

    @property
    def name(self) -> str:
        """The backtest's folder: the same rules give the same name."""
        description = self.to_json()
        first = ("policy", "band", "fee_bps", "slippage_bps")
        text = f"{self.policy}_band-{self.threshold}_fee-{self.costs.fee_bps}_slippage-{self.costs.slippage_bps}"
        text = text.replace(":", "-")
        return text + "".join(f"_{key.replace('_', '-')}-{description[key]}" for key in description if key not in first)

    def to_json(self) -> dict[str, Any]:
        """config.json. What is not named is off: costs of 0, no calibration, full size."""
        description: dict[str, Any] = {"policy": self.policy, "band": self.threshold}
        description |= {
            key: value for key, value in asdict(self.costs).items() if value or key in ("fee_bps", "slippage_bps")
        }
        description |= {
            ("size" if field.name == "sizing" else field.name): value
            for field in fields(self)
            if field.name not in ("policy", "threshold", "costs")
            and (value := getattr(self, field.name)) != field.default
        }
        return description

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "TradingConfig":
        """What `to_json` made of one; what the content does not name has its default, costs their own.

        Raises:
            ConfigError: a value that is not allowed.
        """
        config = current_names(content)
        costs = Costs(**{field.name: config[field.name] for field in fields(Costs) if field.name in config})
        names = [field.name for field in fields(cls) if field.name in config and field.name != "costs"]
        return cls(costs=costs, **{name: config[name] for name in names})


_NAMES_IN_FILES = {"band": "threshold", "size": "sizing"}


def current_names(config: Mapping[str, Any]) -> dict[str, Any]:
    """config.json of a backtest, which says band and size, with the names of TradingConfig's fields."""
    return {_NAMES_IN_FILES.get(name, name): value for name, value in config.items()}
