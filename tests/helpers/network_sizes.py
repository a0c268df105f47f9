"""Networks and budgets that are small enough for a test."""

from types import ModuleType
from typing import Any

from forecast.networks.results import Architecture, Budget


def architecture(fitting: ModuleType, model: str, **sizes: Any) -> Architecture:
    return Architecture(model=model, **({"steps": 7, "features": 8, "units": 5} | sizes))


def budget(fitting: ModuleType, **changes: Any) -> Budget:
    return Budget(**({"epochs": 3, "patience": 0, "batch": 32, "learning_rate": 0.01} | changes))
