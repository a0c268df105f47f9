import datetime
import tomllib
from pathlib import Path

import click
import numpy as np
import pytest

from forecast.cli import config_files
from forecast.cli.main import cli
from forecast.config.compute import ComputeConfig
from forecast.config.experiment import Experiment
from forecast.config.fields import settings_of
from forecast.config.judging import JudgeConfig
from forecast.config.power_study import PowerStudyConfig
from forecast.config.prices import FetchConfig, FileConfig, RecordingConfig, SeriesConfig
from forecast.config.run_outputs import ExportConfig, InspectionConfig, MemoryBenchmarkConfig
from forecast.config.trading import Costs, TradingConfig
from pipelines.errors import ConfigError
from pipelines.preprocessing.choices import LABELS

COMMANDS = {
    "backtest": (Experiment, TradingConfig, Costs, ComputeConfig),
    "power": (PowerStudyConfig,),
    "judge": (JudgeConfig,),
    "fetch": (FetchConfig, FileConfig, RecordingConfig),
    "data show": (SeriesConfig,),
    "data check": (SeriesConfig,),
    "inspect": (InspectionConfig, MemoryBenchmarkConfig),
    "export": (ExportConfig,),
}
NO_OPTION = {"panel", "membership", "costs", "spread"}
MAKE = {configuration: configuration for configurations in COMMANDS.values() for configuration in configurations}
MAKE[Experiment] = lambda **one: Experiment("AAPL", **one)
INVALID = {
    "integer": [True, 2.5, "five", float("nan")], "number": [True, "half", float("nan"), float("inf"), [[1]]],
    "switch": [1, "true"], "text": [5, True], "date": [2010, "2010-13-01"], "moment": [5, "2010-01-01T25:00"],
    "texts": [[1], ["x", "x"]], "pairs": [5, ["price"]],
}  # fmt: skip


def command_of(words):
    command = cli
    for word in words.split():
        command = command.get_command(click.Context(command), word)
    return command


def wrong_values():
    """For every field of every configuration values of a wrong type, beyond each bound, and outside the choices."""
    for words, configurations in COMMANDS.items():
        for configuration in configurations:
            for name, (declared, _) in settings_of(configuration).items():
                if "data" in words and (name == "undo") == (words == "data show"):
                    continue
                invalid = list(INVALID[declared.kind])
                if declared.low is not None:
                    invalid.append(declared.low if declared.open_low else declared.low - 1)
                if declared.high is not None:
                    invalid.append(declared.high if declared.open_high else declared.high + 1)
                if declared.choices:
                    invalid.append(["nope"] if declared.kind == "texts" else "nope")
                for value in invalid:
                    label = f"{words}-{configuration.__name__}-{name}-{value}"
                    yield pytest.param(words, configuration, name, value, id=label)


def toml(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


@pytest.mark.parametrize(("words", "configuration", "name", "value"), list(wrong_values()))
def test_a_wrong_value_has_the_same_message_in_python_toml_and_on_the_command_line(words, configuration, name, value):
    setting = settings_of(configuration)[name][0]
    with pytest.raises(ConfigError, match=f"Expected {name} ") as python:
        MAKE[configuration](**{name: value})
    if name in NO_OPTION:
        return
    command = command_of(words)
    option = next(parameter for parameter in command.params if parameter.name == name)
    place = ["AAPL"] if any(isinstance(parameter, click.Argument) for parameter in command.params) else []
    messages = {str(python.value).replace(", or auto, or quoted", "")}  # what only the command line takes

    def configured(arguments, defaults):
        context = command.make_context(words, [*place, *arguments], default_map=defaults)
        return MAKE[configuration](**{name: context.params[name]})

    def refused(arguments, **defaults):
        with pytest.raises(ConfigError) as error:
            configured(arguments, defaults)
        messages.add(str(error.value).replace(", or auto, or quoted", ""))

    values = value if isinstance(value, list) else [value]
    if setting.kind != "switch" and all(
        type(setting.parse(str(value))) is type(value) for value in values
    ):  # a shell can say it
        refused([f"{option.opts[0]}={value}" for value in values])
    table = tomllib.loads(f"{option.opts[0].lstrip('-')} = {toml(value)}")
    if option.multiple:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            return  # a file's lists are texts; one value is a list of one
        refused([], **config_files.checked(table, command.params, path=Path("x.toml")))
    else:
        with pytest.raises(ConfigError) as error:
            config_files.checked(table, command.params, path=Path("x.toml"))
        messages.add(str(error.value).replace(", or auto, or quoted", ""))
    assert len(messages) == 1, messages


def test_every_option_of_a_configuration_is_made_from_its_field():
    commands, by_hand = [cli], set()
    fields = {
        name.replace("_", "-"): declared
        for configuration in MAKE
        for name, (declared, _) in settings_of(configuration).items()
    }
    while commands:
        command = commands.pop()
        if isinstance(command, click.Group):
            context = click.Context(command)
            commands += [command.get_command(context, name) for name in command.list_commands(context)]
        by_hand |= {
            option.opts[0].lstrip("-")
            for option in command.params
            if isinstance(option, click.Option) and getattr(option, "setting", None) is None
        }
    assert by_hand.isdisjoint(fields), by_hand & set(fields)


@pytest.mark.parametrize("configuration", list(MAKE))
def test_every_closed_bound_is_accepted_as_an_integer_and_as_a_numpy_number(configuration):
    for name, (declared, _) in settings_of(configuration).items():
        for bound, excluded in ((declared.low, declared.open_low), (declared.high, declared.open_high)):
            if bound is None or excluded or name in ("groups", "test_groups"):
                continue
            for value in (bound, np.int64(bound) if float(bound).is_integer() else np.float64(bound)):
                checked = getattr(MAKE[configuration](**{name: value}), name)
                (checked,) = checked if isinstance(checked, tuple) else (checked,)
                assert checked == bound
                assert type(checked) is (int if declared.kind == "integer" else float)


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
