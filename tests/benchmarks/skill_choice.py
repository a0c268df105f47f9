"""The runs that chose the skill statistic and the networks' defaults: `python -m tests.benchmarks.skill_choice --help`.

`predict` trains an experiment on simulated markets and keeps each market's probabilities as .npz; `score` reads such
folders and prints how often each candidate statistic rejects; `nulls` does the same with the returns' signs drawn anew.
Market seeds 700,000 to 700,999 were used for nothing but choosing (docs/choices.md).
"""

import argparse
import ast
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from forecast.compute import backend
from forecast.config.architecture import Architecture
from forecast.config.experiment import Experiment
from forecast.datasets.dataset import Dataset
from forecast.networks.results import Budget
from forecast.studies.power_study import Market, make
from forecast.training import baselines
from pipelines.market.types import Floats
from pipelines.preprocessing.features import volatility
from tests.benchmarks import skill_statistics

TRIAL = {"window": 10, "units": 16, "folds": 3, "seeds": 3, "baselines": ("logistic",),
         "models": ("simple_rnn", "lstm")}  # fmt: skip


def predict_market(market: Market, experiment: Experiment) -> dict[str, Any]:
    """Arrays of one market: out-of-sample rows of all folds one after another, and validation rows likewise."""
    dataset = make(market, experiment)
    test = np.concatenate([fold.test for fold in dataset.folds])
    validation = np.concatenate([fold.validation for fold in dataset.folds])
    deviation = volatility(dataset.bars)[dataset.windows.ends]
    content: dict[str, Any] = {
        "fold": np.repeat([fold.number for fold in dataset.folds], [len(fold.test) for fold in dataset.folds]),
        "validation_fold": np.repeat(
            [fold.number for fold in dataset.folds], [len(fold.validation) for fold in dataset.folds]
        ),
        "forward_return": dataset.windows.forward_return[test],
        "volatility": deviation[test],
        "target": dataset.windows.targets[test],
        "validation_target": dataset.windows.targets[validation],
        "validation_return": dataset.windows.forward_return[validation] / deviation[validation],
        "base_loss": np.array([_base_loss(dataset, number) for number in range(len(dataset.folds))]),
    }
    for model in experiment.models:
        members = [_members(dataset, experiment, model, seed=seed) for seed in range(experiment.seeds)]
        for position, name in enumerate(("test", "validation", "loss", "best_epoch")):
            content[f"{model}/{name}"] = np.stack([member[position] for member in members])
    for name in experiment.baselines:
        parts = [baselines.predict(dataset, fold=fold.number, name=name) for fold in dataset.folds]
        content[f"{name}/test"] = np.concatenate([part for part, _ in parts])[None]
        content[f"{name}/validation"] = np.concatenate([part for _, part in parts])[None]
    return content


def _base_loss(dataset: Dataset, number: int) -> float:
    """Validation log loss of the training rows' base rate."""
    fold, targets = dataset.folds[number], dataset.windows.targets
    rate, share = targets[fold.train].mean(), targets[fold.validation].mean()
    return float(-share * np.log(rate) - (1 - share) * np.log(1 - rate))


def _members(
    dataset: Dataset, experiment: Experiment, model: str, *, seed: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """Probabilities of the test and validation rows, the kept validation loss and its epoch, of one seed's members."""
    from forecast.networks import fit as networks
    from forecast.networks import layers, prediction
    from forecast.networks.optimizer import flat

    architecture = Architecture.of(experiment, model)
    program = networks._program(architecture)
    tests, validations, losses, epochs = [], [], [], []
    for fold, scaler in zip(dataset.folds, dataset.scalers, strict=True):
        member_seed, order_seed, draw = (
            int(part) for part in np.random.SeedSequence((seed, fold.number)).generate_state(3)
        )
        values = scaler.apply(dataset.windows.values)
        trained = program.train(
            flat(layers.build(architecture, seed=member_seed).get_weights()),
            program.fold_tensors(
                values,
                ends=dataset.windows.ends,
                targets=dataset.windows.targets,
                weights=fold.weights,
                train=fold.train,
                validation=fold.validation,
                budget=Budget.of(experiment, learning_rate=experiment.learning_rate),
            ),
            train=fold.train,
            batch=experiment.batch,
            shuffle=np.random.default_rng(order_seed),
            epochs=experiment.epochs,
            patience=experiment.patience,
            draw=draw >> 1,
        )
        for rows, parts in ((fold.test, tests), (fold.validation, validations)):
            answers = networks._answers(architecture, trained.parameters, values, dataset.windows.ends[rows])
            parts.append(prediction.sigmoid(answers[:, -1]))
        losses.append(trained.val_loss.min() if experiment.patience else trained.val_loss[-1])
        epochs.append(trained.val_loss.argmin() + 1)
    return np.concatenate(tests), np.concatenate(validations), np.array(losses), np.array(epochs)


def run(arguments: argparse.Namespace) -> None:
    """Trains on every market that is missing in the folder."""
    settings = {**TRIAL, **dict(_setting(text) for text in arguments.set)}
    experiment = Experiment(symbol="STUDY", **settings)
    backend.load_fitting("jax")
    arguments.out.mkdir(parents=True, exist_ok=True)
    first, count = arguments.first, arguments.markets
    began = time.monotonic()
    for seed in range(first, first + count):
        path = arguments.out / f"{seed}.npz"
        if path.exists():
            continue
        market = Market(kind=arguments.market, edge=arguments.edge, seed=seed, bars=arguments.bars)
        np.savez_compressed(path, **predict_market(market, experiment))
    print(f"{arguments.out}: {count} markets in {time.monotonic() - began:.0f} s", flush=True)


def _setting(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    return name, ast.literal_eval(value)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.skill_choice", description=__doc__)
    commands = parser.add_subparsers(required=True)
    predict = commands.add_parser("predict", help="train and keep the probabilities")
    predict.add_argument("--market", default="lag-1", help="none, lag-1, lag-10, memory")
    predict.add_argument("--edge", type=float, default=0.0)
    predict.add_argument("--first", type=int, default=700_000, help="seed of the first market")
    predict.add_argument("--markets", type=int, default=15)
    predict.add_argument("--bars", type=int, default=5_000)
    predict.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE", help="fields of Experiment")
    predict.add_argument("--out", type=Path, required=True)
    predict.set_defaults(call=run)
    skill_statistics.add_commands(commands)
    parsed = parser.parse_args(arguments)
    parsed.call(parsed)


if __name__ == "__main__":
    main()
