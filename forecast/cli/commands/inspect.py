"""`forecast inspect`: what a run's networks remember, as a page and as Parquet; the textbook case."""

from collections.abc import Sequence

import click

from forecast.cli.context import CliContext, json_option, print_json
from forecast.cli.options import AliasedOption, option_of
from forecast.cli.progress import busy
from forecast.cli.text import say
from forecast.config.compute import ComputeConfig
from forecast.config.run_outputs import InspectionConfig, MemoryBenchmarkConfig


@click.command("inspect")
@click.argument("name", default="latest", metavar="[RUN]")
@option_of(InspectionConfig, "moment")
@click.option("--benchmark", is_flag=True, help="Measure the textbook case instead: minutes, and kept.")
@option_of(MemoryBenchmarkConfig, "lengths")
@option_of(MemoryBenchmarkConfig, "seeds")
@option_of(InspectionConfig, "ablation")
@option_of(ComputeConfig, "jobs")
@click.option(
    "--overwrite", cls=AliasedOption, aliases=["--fresh"], is_flag=True, help="Of the benchmark: train all of it again."
)
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
    as_json: bool,
) -> None:
    """What the networks of RUN (the latest when none is named) remember: how far back the gradient reaches, what the
    LSTM's gates do, and which bars and features the signal depends on.

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
        _benchmark(settings, name, config, jobs=jobs, fresh=overwrite, as_json=as_json)
    else:
        _inspect(settings, name, moment=moment, as_json=as_json)


def _inspect(settings: CliContext, name: str, *, moment: str | None, as_json: bool) -> None:
    import dataclasses

    import numpy as np

    from forecast.diagnostics import analysis, effective_memory, loader
    from forecast.report import write_report
    from forecast.report.pages import diagnostics
    from forecast.report.sections import effective_memory as memory_section
    from forecast.runs.catalog import open_run
    from forecast.studies import memory_benchmark, window_ablation
    from forecast.studies.power_results import listed

    chosen = loader.open_subject(open_run(settings.runs, name))
    if not chosen.integrity.verified:
        settings.note(f"Not verified: {chosen.integrity.reason}.")
    if chosen.unseen:
        settings.note(
            f"Not looked into: {', '.join(chosen.unseen)}. Only plain simple_rnn and lstm that did not diverge can be."
        )
    at = None if moment is None else np.datetime64(moment, "ns")
    with busy(settings, f"Looking into {chosen.run.name}"):
        inspection = analysis.inspect(chosen, at=at, tell=settings.note)
    memories = effective_memory.memories(inspection.memory, rng=np.random.default_rng(0))
    sentence = memory_section.sentence(memories, window=chosen.experiment.window)
    inspection.facts.update(sentence=sentence, memory=[dataclasses.asdict(memory) for memory in memories])
    analysis.save(inspection, chosen, pictures=diagnostics.pictures(inspection, memories))
    if settings.workspace.page(chosen.run.name).exists() and (backtests := chosen.run.backtests()):  # new pictures
        write_report(
            chosen.run,
            backtest=backtests[-1],
            folder=settings.reports_dir,
            calibrations=listed(settings.calibrations),
        )
    page = diagnostics.write_memory(
        inspection,
        memories,
        memory_benchmark.cached(settings.workspace.benchmark),
        ablated=window_ablation.cached(chosen.run),
        folder=settings.reports_dir,
    )
    if as_json:
        tables = chosen.run.folder / "inspection"
        print_json({"page": str(page), "tables": str(tables), **inspection.facts})
        return
    say(sentence)
    if more := memory_section.details(memories, window=chosen.experiment.window):
        say(more)
    say(f"Page: {page}")


def _benchmark(
    settings: CliContext, name: str, config: MemoryBenchmarkConfig, *, jobs: int | None, fresh: bool, as_json: bool
) -> None:
    from forecast.compute.processes import cores
    from forecast.report.pages import diagnostics
    from forecast.studies import memory_benchmark
    from forecast.studies.memory_tasks import TASKS, StepBudget

    window = _window(settings, name)
    benchmark = memory_benchmark.run(
        settings.workspace.benchmark,
        config=config,
        jobs=jobs or cores(),
        budget=StepBudget(),
        fresh=fresh,
        tell=settings.note,
    )
    page = diagnostics.write_benchmark(benchmark, window=window, folder=settings.reports_dir)
    if as_json:
        reach = {task: {cell: benchmark.reach(task, cell) for cell in memory_benchmark.CELLS} for task in TASKS}
        results = benchmark.table.to_dict(orient="records")
        print_json({"page": str(page), "window": window, "reach": reach, "results": results})
        return
    say(diagnostics.benchmark_sentence(benchmark))
    say(f"Page: {page}")


def _ablate(settings: CliContext, name: str, lengths: Sequence[int], *, jobs: int | None, as_json: bool) -> None:
    from forecast.api.progress import progress_display
    from forecast.api.training import make_workers
    from forecast.cli.options import jobs_or_cores
    from forecast.cli.tables import Column, print_table
    from forecast.diagnostics import loader
    from forecast.report.sections import window_ablation as ablation_section
    from forecast.runs.catalog import open_run
    from forecast.serving.signal import rules_of
    from forecast.studies import window_ablation

    chosen = loader.open_subject(open_run(settings.runs, name))
    backend = chosen.about.get("backend", "tensorflow")
    with (
        progress_display(not settings.quiet) as progress,
        make_workers(jobs=jobs_or_cores(jobs), backend=backend, cluster=None) as workers,
    ):
        ablation = window_ablation.run(chosen, lengths, rules=rules_of(chosen.run), workers=workers, progress=progress)
    if as_json:
        rows = ablation.table.astype(object).where(ablation.table.notna(), None).to_dict("records")
        print_json(
            {
                "run": chosen.run.name,
                "window": ablation.window,
                "sentence": ablation_section.sentence(ablation),
                "rows": rows,
            }
        )
        return
    columns = [
        Column("network"), Column("window", number=True), Column("log loss", number=True, drop=1),
        Column("net per day", number=True), Column("interval", number=True), Column("answer", wrap=True),
    ]  # fmt: skip
    print_table(columns, ablation_section.cells(ablation))
    say(ablation_section.sentence(ablation))
    say(f"Next: forecast inspect {chosen.run.name} puts it on the page.")


def _window(settings: CliContext, name: str) -> int | None:
    """The window of the run that is named; without a name the latest run's, None where there is no run."""
    from forecast.runs.catalog import open_run

    if name == "latest" and not (settings.runs / "latest").exists():
        return None
    window = open_run(settings.runs, name).describe()["config"].get("window")
    return window if isinstance(window, int) else None
