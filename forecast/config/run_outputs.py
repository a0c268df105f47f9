"""What is asked of a finished run beside a backtest: what inspect looks at, what export writes."""

from collections.abc import Sequence
from dataclasses import dataclass

from forecast.config.fields import check, setting

MLFLOW = "mlflow"
FORMATS = ("keras", "onnx", MLFLOW)


@dataclass(frozen=True, kw_only=True)
class InspectionConfig:
    """What is looked into. moment: the last one whose window is shown, None for the newest. ablation: other windows."""

    moment: str | None = setting(
        None,
        "moment",
        "Show the gates in the last window decided by then (UTC); the newest one when not given.",
        group="",
        option="at",
        optional=True,
    )
    ablation: Sequence[int] | None = setting(
        None,
        "integer",
        "Train the run at these windows too, such as 5,15,60: do longer ones pay?",
        group="",
        low=1,
        high=5_000,
        optional=True,
        several=True,
        commas=True,
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class MemoryBenchmarkConfig:
    """The textbook case. lengths: of its sequences; seeds: networks per cell and length."""

    lengths: Sequence[int] = setting(
        (10, 20, 50, 100, 150, 200),
        "integer",
        "Of the benchmark's sequences, with commas.",
        group="",
        low=2,
        high=1_000,
        several=True,
        commas=True,
    )
    seeds: int = setting(5, "integer", "Of the benchmark: networks per cell and length.", group="", low=1, high=50)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Which members are written, and as what. fold: None for the last one. models: none for all of the run. MLFLOW: the
    run itself."""

    format: str = setting(
        "keras", "text", "Kind of file, or the run as one of MLflow.", group="", choices=FORMATS, option="to"
    )
    fold: int | None = setting(
        None, "integer", "Fold whose members are written  [default: the last one]", group="", low=0, optional=True
    )
    models: Sequence[str] = setting(
        (),
        "texts",
        "A network; several by repeating  [default: all of the run]",
        group="",
        option="model",
        empty=True,
    )

    def __post_init__(self) -> None:
        check(self)
