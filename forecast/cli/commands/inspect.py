"""`forecast inspect`: what a run's networks remember, as a page and as Parquet; the textbook case."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from forecast.cli import completion
from forecast.cli.context import CliContext, json_option, print_json, records, standalone_option
from forecast.cli.options import option_of, overwrite_option
from forecast.cli.progress import counted
from forecast.cli.text import say
from forecast.compute.progress import NotesOnly
from forecast.config.compute import ComputeConfig
from forecast.config.run_outputs import InspectionConfig, MemoryBenchmarkConfig

if TYPE_CHECKING:
    from forecast.studies.window_ablation import Ablation


@click.command("inspect")
@click.argument("name", default="latest", metavar="[RUN]", shell_complete=completion.runs_and_symbols)
@option_of(InspectionConfig, "moment")
@click.option("--benchmark", is_flag=True, help="Measure the textbook case instead: minutes, and kept.")
@option_of(MemoryBenchmarkConfig, "lengths")
@option_of(MemoryBenchmarkConfig, "seeds")
@option_of(InspectionConfig, "ablation")
@option_of(ComputeConfig, "jobs")
@overwrite_option("Of the benchmark: train all of it again.")
@standalone_option
@json_option
@click.pass_obj
def command(
    settings: CliContext,
    name: str,
    moment: str | None,
    benchmark: bool,
    lengths: tuple[int, ...],
    seeds: int,
    ablation: tuple[int, ...] | None,
    jobs: int | None,
    overwrite: bool,
    standalone: bool,
    as_json: bool,
) -> None:
    """What the networks of RUN (the latest when none is named) remember: how far back the gradient reaches, what the
    gates of an LSTM or GRU do, and which bars and features the signal depends on.

    Writes <reports>/<run>-memory.html, and the tables behind it below the run's folder. --benchmark trains both cells
    on the adding problem and on delayed recall instead, and writes <reports>/memory-benchmark.html.

    \b
    Examples:
      forecast inspect
      forecast inspect AAPL-1d-0a1b2c3d4e --at 2012-06-29
      forecast inspect --ablation 5,15,60
      forecast inspect --benchmark --lengths 10,50,100 --seeds 3
    """
    if ablation is not None and benchmark:
        raise click.UsageError("Expected --ablation or --benchmark, got both.")
    if ablation is not None:
        _ablate(settings, name, ablation, jobs=jobs, as_json=as_json)
        return
    if benchmark:
        config = MemoryBenchmarkConfig(lengths=lengths, seeds=seeds)
        _benchmark(settings, name, config, jobs=jobs, fresh=overwrite, standalone=standalone, as_json=as_json)
    else:
        _inspect(settings, name, moment=moment, standalone=standalone, as_json=as_json)


def _inspect(settings: CliContext, name: str, *, moment: str | None, standalone: bool, as_json: bool) -> None:
    from forecast.api.arguments import run_of
    from forecast.api.inspections import look_into

    run = run_of(name, settings.workspace)
    with counted(settings, "Looking into") as step:
        result = look_into(
            run,
            moment=moment,
            note=settings.note,
            step=step,
            workspace=settings.workspace,
            standalone=standalone,
        )
    if as_json:
        print_json({"page": str(result.page), "tables": str(run.folder / "inspection"), **result.facts})
        return
    for sentence in result.sentences:
        say(sentence)
    say(f"Page: {result.page}")


def _benchmark(
    settings: CliContext,
    name: str,
    config: MemoryBenchmarkConfig,
    *,
    jobs: int | None,
    fresh: bool,
    standalone: bool,
    as_json: bool,
) -> None:
    from forecast.api.inspections import run_benchmark
    from forecast.cli.options import jobs_or_cores
    from forecast.report.pages import diagnostics
    from forecast.studies.memory_benchmark import CELLS
    from forecast.studies.memory_tasks import TASKS

    window = _window(settings, name)
    benchmark = run_benchmark(
        config,
        jobs=jobs_or_cores(jobs),
        overwrite=fresh,
        progress=NotesOnly(write=settings.note),
        workspace=settings.workspace,
    )
    page = diagnostics.write_benchmark(benchmark, window=window, folder=settings.reports_dir, standalone=standalone)
    if as_json:
        reach = {task: {cell: benchmark.reach(task, cell) for cell in CELLS} for task in TASKS}
        print_json({"page": str(page), "window": window, "reach": reach, "results": records(benchmark.table)})
        return
    say(diagnostics.benchmark_sentence(benchmark))
    say(f"Page: {page}")


def _ablate(settings: CliContext, name: str, lengths: Sequence[int], *, jobs: int | None, as_json: bool) -> None:
    from forecast.api.arguments import run_of
    from forecast.api.inspections import ablate
    from forecast.cli.options import jobs_or_cores
    from forecast.report.sections import window_ablation as ablation_section

    run = run_of(name, settings.workspace)
    ablation = ablate(run, lengths, jobs=jobs_or_cores(jobs), progress=not settings.quiet)
    if as_json:
        sentence = ablation_section.sentence(ablation)
        print_json({"run": run.name, "window": ablation.window, "sentence": sentence, "rows": records(ablation.table)})
        return
    print_ablation(ablation, run.name)


def print_ablation(ablation: "Ablation", run: str) -> None:
    """A row a network and window, then what it comes to."""
    from forecast.cli.tables import Column, print_table
    from forecast.report.sections import window_ablation as ablation_section

    columns = [
        Column("network"), Column("window", number=True), Column("log loss", number=True, drop=1),
        Column("net per day", number=True), Column("interval", number=True), Column("answer", wrap=True),
    ]  # fmt: skip
    print_table(columns, ablation_section.cells(ablation))
    say(ablation_section.sentence(ablation))
    say(f"Next: forecast inspect {run} puts it on the page.")


def _window(settings: CliContext, name: str) -> int | None:
    """The window of the run that is named; without a name the latest run's, None where there is no run."""
    from forecast.runs.catalog import open_run

    if name == "latest" and not (settings.runs / "latest").exists():
        return None
    window = open_run(settings.runs, name).describe()["config"].get("window")
    return window if isinstance(window, int) else None
