import numpy as np
import pytest

from pipelines.errors import ConfigError
from pipelines.preprocessing import custom_features, features
from pipelines.sources.synthetic import random_walk

MODULE = """
import numpy as np

def gap(bars):
    return np.log(bars.open / np.append(np.nan, bars.close[:-1]))

def two(bars):
    return np.ones((len(bars), 2))

def holes(bars):
    return np.where(np.arange(len(bars)) == 30, np.nan, 1.0)

def endless(bars):
    return np.where(np.arange(len(bars)) == 31, np.inf, 1.0)

def nothing(bars):
    return np.full(len(bars), np.nan)

def words(bars):
    return ["a"] * len(bars)

def broken(bars):
    return bars.close / bars.colour

def changing(bars):
    bars.close[0] = 1.0

number = 5
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current directory, with the module own_<something>; its name."""
    monkeypatch.chdir(tmp_path)
    name = f"own_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(MODULE)
    return name


def test_a_function_of_the_current_directory_is_a_column_like_any_other(here):
    bars = random_walk(bars=60, seed=0)
    matrix = features.compute(bars, names=("return", f"{here}:gap"))
    np.testing.assert_array_equal(matrix[:, 1], features.overnight(bars))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("two", r"expected numbers of shape \(60,\), one per bar, got shape \(60, 2\)"),
        ("holes", r"expected a finite number at every bar after the warm-up, got nan at bar 30 \(.*\) and 0 others"),
        ("endless", "got inf at bar 31"),
        ("nothing", "expected numbers after the warm-up, got NaN at all 60 bars"),
        ("words", "expected numbers as an array, got list"),
        ("broken", r"failed at line 23 of own_.*\.py: AttributeError: .* no attribute 'colour'"),
        ("changing", r"ValueError: assignment destination is read-only"),
        ("number", "expected a function number in .*, got none"),
        ("missing", "expected a function missing in .*, got none"),
    ],
)
def test_what_is_no_feature_is_one_clear_line(here, function, message):
    with pytest.raises(ConfigError, match=message) as raised:
        custom_features.compute(f"{here}:{function}", random_walk(bars=60, seed=0))
    assert "\n" not in str(raised.value)


def test_a_module_that_is_not_there_or_cannot_be_imported_says_so(here, tmp_path):
    with pytest.raises(ConfigError, match=r"expected a module no\.such in .*Start forecast where no/such\.py is"):
        custom_features.compute("no.such:thing", random_walk(bars=60, seed=0))
    (tmp_path / f"{here}_torn.py").write_text("def f(bars:\n")
    with pytest.raises(ConfigError, match="cannot be imported: SyntaxError"):
        custom_features.compute(f"{here}_torn:f", random_walk(bars=60, seed=0))
    with pytest.raises(ConfigError, match="expected a module sys in"):
        custom_features.compute("sys:getsizeof", random_walk(bars=60, seed=0))


def test_the_file_that_a_run_was_trained_with_must_be_there_again(here, tmp_path):
    names = ("return", f"{here}:gap")
    trained = custom_features.sources(names)
    assert list(trained) == [f"{here}:gap"]
    custom_features.check_sources(names, trained)
    path = tmp_path / f"{here}.py"
    path.write_text(MODULE + "\n# changed\n")
    with pytest.raises(ConfigError, match=r"as the run was trained with it .* Put the old file back or train again"):
        custom_features.check_sources(names, trained)
    path.unlink()
    with pytest.raises(ConfigError, match="expected a module"):
        custom_features.check_sources(names, trained)


@pytest.mark.parametrize("name", ["a:b:c", "os.system", "../x:f", "a b:f", ":f", "a:", "a;b:c"])
def test_other_names_are_refused(name):
    with pytest.raises(ConfigError, match=r"or module:function for your own, each once, got"):
        features.compute(random_walk(bars=60, seed=0), names=(name,))
