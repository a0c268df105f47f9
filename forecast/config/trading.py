"""How probabilities become trades, and what a trade costs: all that a backtest can be told."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from pipelines.errors import ConfigError

CALIBRATIONS = ("none", "temperature", "isotonic")
SIZES = ("full", "volatility", "kelly")
AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What trading and borrowing cost.

    fee_bps, slippage_bps, half_spread_bps: basis points of the amount traded (1 bp = 0.01 %). borrow_rate: a year, on
    what is sold short. financing_rate: a year, on what is held beyond one's own money. Both as fractions: 0.03 is 3 %.
    Idle money and the proceeds of short sales earn nothing.
    """

    fee_bps: float
    slippage_bps: float
    half_spread_bps: float = 0.0
    borrow_rate: float = 0.0
    financing_rate: float = 0.0

    def __post_init__(self) -> None:
        for name in ("fee_bps", "slippage_bps", "half_spread_bps"):
            value = getattr(self, name)
            if not 0 <= value < 10_000:
                raise ConfigError(f"Need a cost from 0 to 9999 basis points, got {name} {value:g}.")
        for name in ("borrow_rate", "financing_rate"):
            value = getattr(self, name)
            if not 0 <= value <= 10:
                raise ConfigError(f"Need a rate a year from 0 to 10 (0.03 is 3 %), got {name} {value:g}.")

    @property
    def rate(self) -> float:
        """Cost as a fraction of the amount traded."""
        return (self.fee_bps + self.slippage_bps + self.half_spread_bps) / 10_000


@dataclass(frozen=True, kw_only=True)
class TradingConfig:
    """What is done with each probability.

    threshold: a number, or "auto" for the one that would have earned most on the validation rows. spread: "given" in
    the costs, "bars" for a half-spread estimated from earlier bars, or "quoted" for fills at the ask and bid, on top of
    them. calibration: of probabilities, on
    validation rows. sizing: "full" is the whole account, "volatility" aims at target_volatility a year, "kelly" takes
    kelly_fraction of Kelly's; the last two at most max_leverage times the account.
    """

    policy: str
    threshold: float | Literal["auto"]
    costs: Costs
    spread: Literal["given", "bars", "quoted"] = "given"
    calibration: str = "none"
    sizing: str = "full"
    target_volatility: float = 0.1
    max_leverage: float = 1.0
    kelly_fraction: float = 0.5

    def __post_init__(self) -> None:
        for name, known in (("calibration", CALIBRATIONS), ("sizing", SIZES)):
            if getattr(self, name) not in known:
                raise ConfigError(f"Need {name} out of {', '.join(known)}, got {getattr(self, name)!r}.")
        for name, most in (("target_volatility", 10.0), ("max_leverage", 20.0), ("kelly_fraction", 1.0)):
            value = getattr(self, name)
            if not 0 < value <= most:
                raise ConfigError(f"Need {name.replace('_', '-')} above 0 and at most {most:g}, got {value:g}.")

    @property
    def learns(self) -> bool:
        """Whether something is chosen on validation rows."""
        return self.threshold == AUTO or self.calibration != "none" or self.sizing == "kelly"

    @property
    def name(self) -> str:
        """The backtest's folder: the same rules give the same name."""
        said = self.to_json()
        first = ("policy", "band", "fee_bps", "slippage_bps")
        text = f"{self.policy}_band-{self.threshold}_fee-{self.costs.fee_bps}_slippage-{self.costs.slippage_bps}"
        return text + "".join(f"_{key.replace('_', '-')}-{said[key]}" for key in said if key not in first)

    def to_json(self) -> dict[str, Any]:
        """config.json. What is not named is off: costs of 0, no calibration, full size."""
        said: dict[str, Any] = {"policy": self.policy, "band": self.threshold}
        said |= {key: value for key, value in asdict(self.costs).items() if value or key in ("fee_bps", "slippage_bps")}
        said |= {
            ("size" if each.name == "sizing" else each.name): value
            for each in fields(self)
            if each.name not in ("policy", "threshold", "costs") and (value := getattr(self, each.name)) != each.default
        }
        return said


_NAMES_IN_FILES = {"band": "threshold", "size": "sizing"}


def current_names(config: Mapping[str, Any]) -> dict[str, Any]:
    """config.json of a backtest, which says band and size, with the names of TradingConfig's fields."""
    return {_NAMES_IN_FILES.get(name, name): value for name, value in config.items()}
