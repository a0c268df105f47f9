"""`import forecast as fc`: what is there, what it costs, and how type checkers see it."""

import ast
import dataclasses
import importlib
import inspect
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import forecast as fc

ROOT = Path(__file__).parents[3]


def python(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{textwrap.dedent(code)}"],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_importing_forecast_imports_no_library(tmp_path):
    heavy = python(
        """
        import forecast
        heavy = {"keras", "tensorflow", "jax", "pandas", "numpy", "plotly", "pyarrow", "click", "rich"}
        print(sorted({name.partition(".")[0] for name in sys.modules} & heavy))
        """,
        tmp_path,
    )
    assert heavy == "[]\n"


def test_every_public_name_is_there_sorted_and_seen_by_type_checkers():
    assert fc.__all__ == sorted(fc.__all__)
    assert set(fc.__all__) == set(fc._MODULES) <= set(dir(fc))
    seen = {}
    for node in ast.walk(ast.parse((ROOT / "forecast" / "__init__.py").read_text())):
        if isinstance(node, ast.ImportFrom):
            seen |= {alias.name: node.module for alias in node.names if alias.asname == alias.name}
    assert seen == fc._MODULES
    for name, module in fc._MODULES.items():
        assert getattr(fc, name).__doc__
        assert hasattr(importlib.import_module(module), name)
    with pytest.raises(AttributeError, match="no attribute 'training_loop'"):
        fc.training_loop  # noqa: B018


@pytest.mark.parametrize("first", ["import forecast.runs.run, forecast.report", "pass"])
def test_a_function_with_the_name_of_a_package_can_be_called_whatever_was_imported(first, tmp_path):
    printed = python(
        f"""
        {first}
        import inspect
        import forecast as fc
        print(len(fc.runs()), list(inspect.signature(fc.report).parameters)[:2], callable(fc.report))
        import forecast.runs.run
        from forecast.runs import catalog
        import forecast.runs.io as reading
        print(len(fc.runs()), catalog.__name__, reading.__name__, forecast.runs.run.__name__)
        """,
        tmp_path,
    )
    assert printed.splitlines() == [
        "0 ['run', 'result'] True",
        "0 forecast.runs.catalog forecast.runs.io forecast.runs.run",
    ]


def sections(text):
    """The sections of a numpydoc docstring, the names that each explains."""
    parts = re.split(r"\n([A-Z][a-z]+)\n-+\n", f"\n{inspect.cleandoc(text)}")
    return {
        heading: {
            name.strip("* ") for line in re.findall(r"^(\S[^:\n]*)", body, re.MULTILINE) for name in line.split(",")
        }
        for heading, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def members(kind):
    """The public methods and properties that a class itself defines."""
    for name, member in vars(kind).items():
        if not name.startswith("_") and (inspect.isfunction(member) or hasattr(member, "__get__")):
            yield name, inspect.unwrap(getattr(member, "fget", None) or getattr(member, "func", None) or
                                       getattr(member, "__func__", member))  # fmt: skip


PUBLIC = {name: getattr(importlib.import_module(module), name) for name, module in fc._MODULES.items()}


@pytest.mark.parametrize("name", [name for name, value in PUBLIC.items() if inspect.isfunction(value)])
def test_every_function_explains_its_parameters_what_it_returns_and_raises(name):
    explained = sections(PUBLIC[name].__doc__)
    assert set(inspect.signature(PUBLIC[name]).parameters) <= explained["Parameters"]
    assert explained["Returns"]
    assert explained["Examples"]
    assert "Raises" in explained or name in ("runs", "actions")  # these find nothing rather than fail


@pytest.mark.parametrize("name", [name for name, value in PUBLIC.items() if inspect.isclass(value)])
def test_every_class_explains_its_fields_and_methods(name):
    kind = PUBLIC[name]
    explained = sections(kind.__doc__)
    assert explained["Examples"]
    fields = [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []
    public = {field for field in fields if not field.startswith("_")}
    assert public <= explained.get("Parameters", set()) | explained.get("Attributes", set())
    for method, function in members(kind):
        if method in fields:
            continue
        assert function.__doc__, f"{name}.{method}"
        parameters = [
            parameter for parameter in inspect.signature(function).parameters if parameter not in ("self", "cls")
        ]
        assert [parameter for parameter in parameters if not re.search(rf"\b{parameter}\b", function.__doc__)] == []


USER = """
from datetime import date

import forecast as fc

workspace = fc.Workspace(data_dir="data", reports_dir="reports")
fc.fetch(["AAPL", "MSFT"], source="csv", file="acme.csv", tz="UTC", columns={"price": "PX"}, workspace=workspace)
experiment = fc.Experiment("AAPL", models=["simple_rnn", "lstm"], folds=6, start="2001-01-01", end=date.today())
run = fc.train(experiment, backend="jax", workspace=workspace)
result = fc.backtest(run, fc.TradingConfig(policy="long-short", costs=fc.Costs(fee_bps=1, slippage_bps=2)))
low, high = result.verdict.money.interval
answer: str = result.verdict.skill.answer
effect: float = result.verdict.skill.minimum_detectable_effect
rows: int = len(result.performance) + len(result.ledger) + len(result.signals) + len(result.trades) + len(fc.runs())
today = fc.signal(run)
stale: bool = today.stale or today.signals.empty
page: str = fc.report(run, result).as_posix()
family = fc.judge(fc.prices("AAPL"), ["AAPL", "MSFT"], reading=fc.JudgeConfig(values="score"))
one: fc.BacktestResult = fc.judge("mine.csv", "AAPL", bars={"AAPL": fc.prices("AAPL", adjust="back")})
sentences: tuple[str, ...] = family["AAPL"].verdict.sentences + family.sentences
joined = fc.portfolio([run, "MSFT"], weighting="equal")
left_out: tuple[str, ...] = joined.notes
files: int = len(fc.export(run, format="onnx", folder="models")) + len(fc.catalogue()) + len(fc.check_prices("AAPL"))
memory = fc.inspect(run, moment=date(2012, 6, 29)).tables["memory"]
windows: int = len(fc.window_ablation(run, [5, 60])) + len(fc.memory_benchmark([10, 20]))
study = fc.power(experiment, fc.PowerStudyConfig(markets=5))
edges: int = len(study.smallest_edges) + len(study.rates)
before: int = fc.restore_prices("AAPL", fc.repair_prices("AAPL")) + fc.remove_prices("AAPL") + fc.compact_prices()
differing: int = len(fc.compare([run, "MSFT"]).differences)
"""


def test_code_of_a_user_passes_a_strict_type_checker_and_wrong_types_do_not(tmp_path):
    (tmp_path / "user.py").write_text(USER)
    pages = [(ROOT / name).read_text() for name in ("README.md", "docs/python.md", "docs/index.md")]
    blocks = [block for page in pages for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL)]
    assert len(blocks) >= 4
    (tmp_path / "documented.py").write_text("\n".join(blocks))
    (tmp_path / "wrong.py").write_text(
        'import forecast as fc\nfc.train("AAPL")\nfc.fetch("AAPL", zone="UTC")\nfc.runs(1)\nfc.report(run=3)\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"), "--no-error-summary",
         "--cache-dir", str(ROOT / ".mypy_cache"), "user.py", "wrong.py", "documented.py"],  # that of `make lint`
        capture_output=True, text=True, cwd=tmp_path,
        env={"MYPYPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )  # fmt: skip
    lines = [line.split(": error")[0] for line in done.stdout.splitlines() if ": error" in line]
    assert lines == [f"wrong.py:{number}" for number in (2, 3, 4, 5)], done.stdout + done.stderr
