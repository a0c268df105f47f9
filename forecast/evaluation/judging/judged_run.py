"""Forecasts made elsewhere + bars -> a run folder like any other, of kind "judged": baselines, folds, certificate.

What the run holds are the forecasts themselves; nothing is trained but baselines, walk-forward, on the same rows.
`forecast.evaluation.backtest` then trades and compares them as it does any run's.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.compute import backend
from forecast.config.experiment import Experiment, is_baseline
from forecast.config.judging import AUTO, JudgeConfig
from forecast.config.model_registry import JUDGED, label
from forecast.datasets.dataset import Source, fingerprint, make_bars, make_windows, price_scale, with_features
from forecast.datasets.lookahead_audit import Certificate
from forecast.evaluation.judging import decision_times
from forecast.evaluation.judging.decisions import DecisionReader, Decisions, with_folds
from forecast.evaluation.judging.foreign_forecasts import ForeignForecasts, recognise
from forecast.evaluation.judging.judged_baselines import FittedBaselines, fit_baselines
from forecast.evaluation.judging.predictor import PredictorAnswers, ask
from forecast.runs import catalog, tables, trial_log
from forecast.runs import run as runs
from forecast.runs.run import Run
from pipelines import user_code
from pipelines.errors import BadFileError
from pipelines.market.calendars import session_of
from pipelines.market.types import Bars
from pipelines.preprocessing import labels, walk_forward

_SETTINGS = (
    "symbol", "interval", "bars", "window", "horizon", "overnight", "features", "folds", "start", "end",
)  # fmt: skip
_VERSIONS = ("python", "tick-forecast", "numpy", "scikit-learn", "code")


def judge(
    forecasts: ForeignForecasts,
    *,
    source: Source,
    experiment: Experiment,
    config: JudgeConfig,
    folder: Path,
    command: str,
    origin: Mapping[str, Any],
    validation: ForeignForecasts | None = None,
    predictors: Sequence[PredictorAnswers] = (),
    note: Callable[[str], None] = lambda message: None,
) -> Run:
    """A finished run of these forecasts; the same ones give the same run, which is then only read.

    Parameters
    ----------
    forecasts
        Of one or several models, of this symbol among others.
    source
        The symbol's prices.
    experiment
        Its symbol, bars, horizon, folds, and what baselines learn from.
    config
        How to read the rows.
    folder
        Of the runs.
    command, origin
        For run.json: what made the run, and where the forecasts come from.
    validation
        Earlier forecasts of the same models, on which thresholds, calibration and exposure are chosen.
    predictors
        What the forecasts were asked of, where that was done here.
    note
        Is told what a person should know before the answer.

    Raises
    ------
    ForecastError
        Forecasts that cannot be of these bars; nothing is written then.
    """
    decision_times.check_rule(config, library=forecasts.library, cutoff=forecasts.cutoff)
    prices = make_bars(source, experiment)
    experiment = with_features(experiment, prices)
    scale = price_scale(source, prices)
    reader = _decision_reader(source, prices, experiment=experiment, config=config)
    tested = reader.decisions(forecasts, subject="forecasts")
    tested = replace(tested, rows=with_folds(tested.rows, folds=experiment.folds))
    earlier = None if validation is None else reader.earlier(validation, tested=tested)
    for text in (*tested.notes, *tested.suspicions):
        note(text)
    predictions, checked = reader.table(tested.rows), reader.table(earlier)
    digest = _digest(predictions, checked)
    settings = _settings(experiment, tested.rows)
    data, code_description = fingerprint(prices), _describe_code(experiment, predictors)
    identity = {"config": settings, "judge": config.to_json(), "forecasts": digest, "data": data, **code_description}
    run = Run(folder / _name(experiment, identity))
    with run.locked():
        if run.finished:
            return run
        fitted = fit_baselines(prices, experiment, tested=tested, earlier=earlier)
        if fitted.note:
            note(fitted.note)
        certificate = _certificate(tested, settings["models"], fitted=fitted, config=config, predictors=predictors)
        trial_log.record_predictions(folder, experiment, run=run.name, judged={"forecasts": digest, **config.to_json()})
        content: dict[str, Any] = {
            "run": run.name,
            "kind": JUDGED,
            "created_at": datetime.now(UTC).isoformat(timespec="microseconds"),
            "command": command,
            "config": {**settings, "baselines": list(fitted.names)},
            JUDGED: {
                **origin,
                "forecasts": digest,
                **_describe_reading(forecasts, tested, fitted=fitted, config=config),
                "validation_rows": len(checked.drop_duplicates(["model", "seed", "decided_at"])),
                **({"predictors": [predictor.to_json() for predictor in predictors]} if predictors else {}),
            },
            "data": {**tables.describe_bars(prices), "fingerprint": data, "price_scale": scale},
            "folds": _describe_folds(prices, tested.rows, fitted=fitted, earlier=earlier),
            "seeds": [int(seed) for seed in np.unique(tested.rows["seed"])],
            "parameters": {},
            **code_description,
            "backend": "none",
        }
        runs.create_run(folder, run.name, description=content, bars=tables.bars(prices))
        run.finish(
            predictions=pd.concat([predictions, *map(reader.table, fitted.tested)]),
            validation=pd.concat([checked, *map(reader.table, fitted.checked)]),
            history=tables.no_history(),
            certificate=certificate.to_json(),
            seconds=0.0,
        )
    catalog.set_latest(folder, run)
    return run


def ask_predictors(
    names: Sequence[str], *, source: Source, experiment: Experiment, config: JudgeConfig
) -> tuple[ForeignForecasts, JudgeConfig, list[PredictorAnswers]]:
    """What predictors forecast at the bars that `forecast train` would test, and how to read it.

    Raises:
        ConfigError: one that cannot be asked, or that looks ahead.
        TooFewBarsError: too little history for the folds.
    """
    prices = make_bars(source, experiment)
    windows = make_windows(prices, with_features(experiment, prices))
    folds = walk_forward.walk_forward(
        windows, folds=experiment.folds, split=experiment.split, embargo=experiment.embargo
    )
    rows = np.concatenate([windows.ends[fold.test] for fold in folds])
    if config.trained_until is not None:
        rows = rows[session_of(prices.closed_at[rows], prices.calendar) > np.datetime64(config.trained_until, "D")]
    if not len(rows):
        raise BadFileError("Expected bars after --trained-until to ask a predictor of, got none. Fetch newer ones.")
    answers = [ask(name, prices, rows=rows, rng=np.random.default_rng(0)) for name in dict.fromkeys(names)]
    kind = "probability" if config.values == AUTO else config.values
    frame = pd.concat([answer.rows(prices) for answer in answers]).rename(columns={"value": kind})
    read = replace(config, dated_by="decision", decided_at="close", bar_times="close")
    return recognise(frame, config=read), read, answers


def _certificate(
    tested: Decisions,
    models: Sequence[str],
    *,
    fitted: FittedBaselines,
    config: JudgeConfig,
    predictors: Sequence[PredictorAnswers],
) -> Certificate:
    """What can be checked of forecasts made elsewhere, and what cannot."""
    queried = {f"{JUDGED}:{predictor.model}" for predictor in predictors}
    until = "" if config.trained_until is None else f", said to end on {config.trained_until}"
    return Certificate(
        cuts=(),
        compared=len(tested.rows) + 2 * len(fitted.folds) + sum(predictor.cuts for predictor in predictors),
        failures=fitted.failures,
        unverifiable=(
            *(
                f"what the model “{label(model)}” learned from{until}"
                + ("" if model in queried else ", and what it knew at each decision")
                for model in models
            ),
            *(entry for predictor in predictors for entry in predictor.unverifiable),
            *fitted.unverifiable,
        ),
    )


def _decision_reader(source: Source, prices: Bars, *, experiment: Experiment, config: JudgeConfig) -> DecisionReader:
    """For forecasts of these prices: what comes of each decision, and the closes that prices may be forecast from."""
    outcomes = labels.make(
        prices, kind="direction", horizon=experiment.horizon, cost_bps=0.0, barrier_width=1.0,
        overnight=experiment.overnight,
    )  # fmt: skip
    raw = source.raw
    as_traded = raw.close if isinstance(raw, Bars) and len(raw) == len(prices) else prices.close
    closes = {"as traded": as_traded, "adjusted": prices.close * price_scale(source, prices)}
    return DecisionReader(prices=prices, outcomes=outcomes, closes=closes, config=config, horizon=experiment.horizon)


def _describe_code(experiment: Experiment, predictors: Sequence[PredictorAnswers]) -> dict[str, Any]:
    """The part of run.json that says what code a run came from: versions, and sha256 of one's own, if there is any."""
    own_baselines = user_code.sources(experiment.baselines, what="Baseline")
    digests = {predictor.name: predictor.sha256 for predictor in predictors} | own_baselines
    return {
        **({"user_code": digests} if digests else {}),
        "versions": {name: text for name, text in backend.versions().items() if name in _VERSIONS},
    }


def _describe_reading(
    forecasts: ForeignForecasts, tested: Decisions, *, fitted: FittedBaselines, config: JudgeConfig
) -> dict[str, Any]:
    """The part of run.json that says what was forecast, how the rows were read, and what is odd about them."""
    return {
        "values": forecasts.values,
        "seeded": forecasts.seeded,
        **{name: value for name, value in config.to_json().items() if name != "values"},
        "counts": dict(tested.counts),
        "notes": [*tested.notes, *([fitted.note] if fitted.note else [])],
        "suspicions": list(tested.suspicions),
    }


def _settings(experiment: Experiment, rows: pd.DataFrame) -> dict[str, Any]:
    """The part of run.json's config that a judged run has."""
    settings = experiment.to_json()
    models = [name for name in rows["model"].unique() if not is_baseline(name)]
    return {name: settings[name] for name in _SETTINGS} | {"models": models, "baselines": settings["baselines"]}


def _describe_folds(
    prices: Bars, rows: pd.DataFrame, *, fitted: FittedBaselines, earlier: pd.DataFrame | None
) -> list[dict[str, Any]]:
    """Test rows of each fold; and what the baselines learned from, or the validation rows, where there are any."""
    learned = {fold.number: fold for fold in fitted.folds}
    none = np.zeros(0, dtype=np.int64)
    described = []
    for fold, part in rows.groupby("fold", sort=True):
        number = int(str(fold))
        fitted_fold, first = learned.get(number), 0 if fitted.windows is None else int(fitted.windows.ends[0])
        checked = none if earlier is None else np.unique(earlier.loc[earlier["fold"] == number, "bar"])
        parts = {
            "train": none if fitted_fold is None else fitted_fold.train + first,
            "validation": checked if earlier is not None or fitted_fold is None else fitted_fold.validation + first,
            "test": np.unique(part["bar"]),
        }
        described.append(
            {"number": number, **{name: tables.describe_rows(prices.closed_at, bars) for name, bars in parts.items()}}
        )
    return described


def _name(experiment: Experiment, identity: Mapping[str, Any]) -> str:
    """The run's name: its symbol, its bars, and a digest of all that decides what stands in it."""
    bars = (experiment.bars or experiment.interval).replace(":", "-")
    key = json.dumps(identity, sort_keys=True)
    return f"{experiment.symbol}-{bars}-{JUDGED}-{hashlib.sha256(key.encode()).hexdigest()[:10]}"


def _digest(*decisions: pd.DataFrame) -> str:
    """sha256 of what tables of decisions hold."""
    rows = (pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes() for table in decisions)
    return hashlib.sha256(b"".join(rows)).hexdigest()
