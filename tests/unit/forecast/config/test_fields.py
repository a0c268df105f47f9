import datetime

import click
import numpy as np
import pytest

from forecast.cli.commands import backtest
from forecast.config.experiment import Experiment
from forecast.config.fields import settings_of
from forecast.config.trading import Costs, TradingConfig
from pipelines.errors import ConfigError
from pipelines.preprocessing.choices import LABELS

MAKE = {Experiment: lambda **one: Experiment("AAPL", **one), TradingConfig: TradingConfig, Costs: Costs}


def wrong_values():
    """For every field of every configuration values of a wrong type, beyond each bound, and outside the choices."""
    for configuration in MAKE:
        for name, (known, _) in settings_of(configuration).items():
            wrong = {
                "integer": [True, 2.5, "5", float("nan")], "number": [True, "0.5", float("nan"), float("inf"), [1]],
                "switch": [1, "true"], "text": [5, True], "date": [2010, "2010-13-01"], "texts": ["a", [1], ["x", "x"]],
            }[known.kind]  # fmt: skip
            if known.low is not None:
                wrong.append(known.low if known.open_low else known.low - 1)
            if known.high is not None:
                wrong.append(known.high if known.open_high else known.high + 1)
            if known.choices:
                wrong.append("nope" if known.kind == "text" else ["nope"])
            for value in wrong:
                yield pytest.param(configuration, name, value, id=f"{configuration.__name__}-{name}-{value}")


@pytest.mark.parametrize(("configuration", "name", "value"), list(wrong_values()))
def test_a_wrong_value_has_the_same_message_in_python_toml_and_on_the_command_line(
    configuration, name, value, tmp_path
):
    with pytest.raises(ConfigError, match=f"Expected {name} ") as python:
        MAKE[configuration](**{name: value})
    known = settings_of(configuration)[name][0]
    option = next((each for each in backtest.command.params if each.name == name), None)
    if option is None or known.kind in ("texts", "switch"):
        assert known.option or name in ("spread", "layer_norm", "bidirectional")
        return
    context = click.Context(backtest.command)
    text = value if isinstance(value, str) else str(value)
    spoken = known.parse(text)
    if type(spoken) is type(value):  # what a shell can say
        with pytest.raises(ConfigError) as shell:
            option.type.convert(text, option, context)
        if option.type.setting == known:
            assert str(shell.value) == str(python.value)
    path = tmp_path / "experiment.toml"
    if not isinstance(value, list):
        path.write_text(f"{name} = {toml(value)}\n")
        with pytest.raises(ConfigError) as toml_error:
            backtest.command.main(["AAPL", "--config", str(path)], standalone_mode=False)
        if option.type.setting == known:
            assert str(toml_error.value) == str(python.value)


def toml(value):
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


@pytest.mark.parametrize("configuration", list(MAKE))
def test_every_closed_bound_is_accepted_as_an_integer_and_as_a_numpy_number(configuration):
    for name, (known, _) in settings_of(configuration).items():
        for bound, excluded in ((known.low, known.open_low), (known.high, known.open_high)):
            if bound is None or excluded or name in ("groups", "test_groups"):
                continue
            for value in (bound, np.int64(bound) if float(bound).is_integer() else np.float64(bound)):
                checked = getattr(MAKE[configuration](**{name: value}), name)
                assert checked == bound
                assert type(checked) is (int if known.kind == "integer" else float)


def test_integers_lists_and_dates_as_text_are_brought_to_the_types_of_the_fields():
    experiment = Experiment("AAPL", dropout=0, clip=1, learning_rate=1, models=["lstm"], start="2010-01-01")
    assert (experiment.dropout, experiment.models, experiment.start) == (0.0, ("lstm",), datetime.date(2010, 1, 1))
    assert hash(experiment) == hash(
        Experiment("AAPL", dropout=0.0, learning_rate=1.0, models=("lstm",), start=datetime.date(2010, 1, 1))
    )


def test_trading_without_words_is_long_flat_at_one_and_two_basis_points():
    assert TradingConfig() == TradingConfig(policy="long-flat", threshold=0, costs=Costs(fee_bps=1, slippage_bps=2))


def test_the_names_that_older_runs_have_are_read():
    assert Experiment.from_options({"symbol": "AAPL", "tested": 3, "tune": 4}) == Experiment(
        "AAPL", test_groups=3, tuning_trials=4
    )


def test_the_json_schema_has_every_field_with_its_bounds():
    schema = Experiment.json_schema()
    assert schema["properties"]["window"]["maximum"] == 5_000
    assert schema["properties"]["label"]["anyOf"][0]["enum"] == list(LABELS)
