"""docs/reference.md is what the commands make of it, and says all that they know."""

from pathlib import Path

import click
import pytest

from forecast.cli import reference
from forecast.cli.main import cli
from forecast.cli.options import AliasedOption

PAGE = Path(__file__).parents[4] / "docs" / "reference.md"


def test_the_page_is_what_the_commands_make_of_it() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference.reference(), "run: make reference"


@pytest.mark.parametrize("name", ["train", "backtest", "power", "fetch", "signal"])
def test_every_option_and_former_name_of_a_command_stands_in_its_section(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    section = reference.reference().partition(f"\n## forecast {name}\n")[2].partition("\n## ")[0]
    for option in command.params:
        if isinstance(option, click.Option):
            former = option.aliases if isinstance(option, AliasedOption) else []
            for spoken in [*option.opts, *former]:
                assert f"`{spoken}`" in section


def test_a_row_says_bounds_default_toml_key_and_former_names() -> None:
    page = reference.reference()
    row = next(line for line in page.splitlines() if line.startswith("| `--tuning-trials` |"))
    assert row.split(" | ")[:5] == [
        "| `--tuning-trials`", "a whole number from 0 to 1000", "`0`", "`tuning-trials`", "`--tune`",
    ]  # fmt: skip
