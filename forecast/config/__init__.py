"""What can be chosen, checked where it enters: an experiment, a trading configuration, the models and their sizes."""

__all__ = [
    "architecture",
    "compute",
    "experiment",
    "fields",
    "hyperparameters",
    "judging",
    "model_registry",
    "policies",
    "power_study",
    "prices",
    "run_outputs",
    "significance",
    "trading",
    "universe",
]
