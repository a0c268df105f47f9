"""What the command line calls an option, Python calls an argument."""

import pytest

from forecast.api.arguments import in_python
from pipelines.errors import ConfigError


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Fetch more or lower --time-format.", "Fetch more or lower time_format."),
        ("Expected one --model, got two.", "Expected one models, got two."),
        ("Run `forecast data check X --undo 3`; or --end.", "Run `forecast data check X --undo 3`; or end."),
        ("Train it again: forecast train X --overwrite.", "Train it again: forecast train X --overwrite."),
    ],
)
def test_a_hint_works_where_it_is_given(message, expected):
    @in_python
    def function():
        raise ConfigError(message)

    with pytest.raises(ConfigError) as error:
        function()
    assert str(error.value) == expected
