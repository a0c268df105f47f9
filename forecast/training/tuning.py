"""Settings chosen by trying: the same number of tries for each network and fold, scored on that fold's validation rows.

Each network and fold is a study of its own (Optuna's TPE sampler, seeded, in memory; its first try are the experiment's
own settings). All studies ask for one try a round, so that the workers are busy, and are told in a fixed order, so that
the choice does not depend on which try is done first.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from forecast.config.experiment import Experiment
from forecast.config.hyperparameters import Hyperparameters, Study
from forecast.networks.results import Architecture, FitResult

_UNITS = (8, 16, 32, 64)
_RATES = (3e-4, 1e-2)  # of Adam, tried on a logarithmic scale
_WORST = 1e6
_DIGITS = 6  # of a learning rate, so that it is written as it was used


@dataclass(frozen=True, kw_only=True)
class TuningTrial:
    """One try of a study. score: the lowest validation loss, or the last one where no epoch is chosen."""

    model: str
    fold: int
    settings: Hyperparameters
    score: float

    def to_json(self) -> dict[str, Any]:
        return {"model": self.model, "fold": self.fold, **asdict(self.settings), "score": self.score}


def tune(
    experiment: Experiment,
    folds: Sequence[int],
    *,
    score: Callable[[Sequence[tuple[Study, Hyperparameters]]], Sequence[float]],
) -> list[TuningTrial]:
    """Every try, `experiment.tuning_trials` for each model and fold, round by round.

    score: the validation losses of so many tries, in their order.
    """
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    configured = Hyperparameters.of(experiment)
    space = {
        "units": CategoricalDistribution(tuple(sorted({*_UNITS, configured.units}))),
        "learning_rate": FloatDistribution(
            min(_RATES[0], configured.learning_rate), max(_RATES[1], configured.learning_rate), log=True
        ),
    }
    studies = {}
    for place, key in enumerate((model, fold) for fold in folds for model in experiment.models):
        studies[key] = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=place, n_startup_trials=5))
        studies[key].enqueue_trial(asdict(configured))
    tries: list[TuningTrial] = []
    for _ in range(experiment.tuning_trials):
        trials = {key: study.ask(space) for key, study in studies.items()}
        proposals = [(key, _settings(trial.params)) for key, trial in trials.items()]
        for (key, settings), loss in zip(proposals, score(proposals), strict=True):
            studies[key].tell(trials[key], loss)
            tries.append(TuningTrial(model=key[0], fold=key[1], settings=settings, score=loss))
    return tries


def chosen(tries: Sequence[TuningTrial]) -> dict[Study, Hyperparameters]:
    """The settings with the lowest score of each study; the earlier of equal ones."""
    best: dict[Study, TuningTrial] = {}
    for trial in tries:
        if (key := (trial.model, trial.fold)) not in best or trial.score < best[key].score:
            best[key] = trial
    return {key: trial.settings for key, trial in best.items()}


def score_of(fitted: FitResult, *, patience: int) -> float:
    """What a try is judged by: the loss on the validation rows of its fold."""
    if fitted.diverged is not None:
        return _WORST
    score = float(fitted.val_loss.min() if patience else fitted.val_loss[-1])
    return score if score < _WORST else _WORST  # a loss that is no number is never chosen


def describe(tries: Sequence[TuningTrial], *, experiment: Experiment) -> dict[str, Any]:
    """For run.json. Each choice has its network's number of parameters, but for a person's own network."""
    best = chosen(tries)
    return {
        "tries": len(tries) // max(1, len(best)),
        "chosen": [
            {"model": model, "fold": fold, **asdict(settings), **_size(experiment, model, units=settings.units)}
            for (model, fold), settings in best.items()
        ],
        "tried": [trial.to_json() for trial in tries],
    }


def _size(experiment: Experiment, model: str, *, units: int) -> dict[str, int]:
    architecture = Architecture.of(experiment, model, units=units)
    return {} if architecture.own else {"parameters": architecture.parameters}


def _settings(params: dict[str, Any]) -> Hyperparameters:
    return Hyperparameters(units=int(params["units"]), learning_rate=float(f"{params['learning_rate']:.{_DIGITS}g}"))
