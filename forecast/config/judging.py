"""How forecasts made by another program are read: what their values are, and what the time of a row names."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from forecast.config.fields import check, documented, setting
from pipelines.errors import ConfigError

AUTO = "auto"
VALUES = ("probability", "signal", "position", "score", "price")
FORECASTS = "Forecasts"
JUDGED_BASELINES = ("previous_sign", "logistic")
"""The baselines trained beside forecasts made elsewhere; one that takes minutes has to be asked for."""


@documented
@dataclass(frozen=True, kw_only=True)
class JudgeConfig:
    """How to read forecasts that were made elsewhere.

    values: what a row's number is. dated_by: whether a row's time names the bar at whose close it was made, or the bar
    that it is a forecast of. decided_at: "close" of the dated bar; "open", before it opens; or so many bars from it
    (-1: at the close of the bar before). bar_times: whether times of day name a bar by its open or by its close.
    trained_until: the last session that the models have learned from; rows up to then are left out. gaps: what a bar
    without a forecast between the first and the last one does.

    Examples
    --------
    >>> import forecast as fc
    >>> fc.JudgeConfig(dated_by="target").shift(horizon=5)
    -5
    """

    values: str = setting(
        AUTO,
        "text",
        "What the numbers are; auto: as the column's name and content say, asked for where they do not.",
        group=FORECASTS,
        choices=(AUTO, *VALUES),
    )
    dated_by: str = setting(
        AUTO,
        "text",
        "What a row's time names: the bar at whose close it was made, or the bar that it forecasts.",
        group=FORECASTS,
        choices=(AUTO, "decision", "target"),
    )
    decided_at: float | Literal["close", "open"] = setting(
        "close",
        "number",
        "When a row was made: at the close of its bar, before its open, or so many bars away (-1: a bar earlier).",
        group=FORECASTS,
        low=-1_000,
        high=1_000,
        words=("close", "open"),
    )
    bar_times: str = setting(
        AUTO,
        "text",
        "Whether times of day name a bar by its open or its close.",
        group=FORECASTS,
        choices=(AUTO, "open", "close"),
    )
    trained_until: date | None = setting(
        None,
        "date",
        "Last session that the models learned from; rows up to then are left out.",
        group=FORECASTS,
        optional=True,
    )
    gaps: str = setting(
        "refuse",
        "text",
        "Bars without a forecast in between: refuse them, or hold what there is.",
        group=FORECASTS,
        choices=("refuse", "hold"),
    )

    def __post_init__(self) -> None:
        check(self)
        if not isinstance(self.decided_at, str) and self.decided_at != int(self.decided_at):
            raise ConfigError(f"Expected decided_at close, open or a whole number of bars, got {self.decided_at:g}.")

    def shift(self, *, horizon: int) -> int:
        """Bars from the one that dates a row to the one at whose close it was made, for forecasts of that horizon."""
        away = {"close": 0, "open": -1}.get(str(self.decided_at))
        bars = int(self.decided_at) if away is None else away
        return bars - (horizon if self.dated_by == "target" else 0)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in vars(self).items()}
