"""`forecast power`: the person's own experiment on simulated markets whose truth is known."""

import shlex
import sys
from typing import Any

import click

from forecast.cli.context import CliContext, json_option, print_json
from forecast.cli.help_groups import GroupedOptions
from forecast.cli.options import how, make_experiment, option_of, take_rules, trading_options, training_options
from forecast.cli.text import say
from forecast.config.power_study import PowerStudyConfig


@click.command("power", cls=GroupedOptions)
@option_of(PowerStudyConfig, "kinds")
@option_of(PowerStudyConfig, "edges")
@option_of(PowerStudyConfig, "markets")
@option_of(PowerStudyConfig, "n_bars")
@trading_options
@training_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    kinds: tuple[str, ...],
    edges: tuple[float, ...],
    markets: int,
    n_bars: int,
    jobs: int | None,
    backend: str,
    cluster: str | None,
    overwrite: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Run your experiment on markets without an edge, and on markets with a planted one.

    Says how often it would find an edge that is not there, and the smallest one that it would find. Interrupted, the
    same command resumes; every market is kept.

    \b
    Examples:
      forecast power --folds 3 --seeds 1
      forecast power --market none --market memory --edge 0.1 --edge 0.2 --markets 50
    """
    from dataclasses import asdict
    from datetime import UTC, datetime

    from forecast.api.progress import progress_display
    from forecast.api.training import make_workers
    from forecast.compute.backend import choose, versions
    from forecast.report import write_controls, write_index
    from forecast.report.sections.power import effects
    from forecast.runs.catalog import list_runs
    from forecast.studies import power_results, power_study
    from forecast.training.session import own_code
    from pipelines.errors import ConfigError
    from pipelines.user_code import is_user_code

    settings: CliContext = ctx.obj
    rules = take_rules(options)
    if rules.spread != "given":
        raise ConfigError("Expected half_spread_bps as a number for power: the markets have no trades and no quotes.")
    experiment = make_experiment("CONTROL", options)
    if experiment.tuning_trials:
        raise ConfigError("Expected tuning_trials 0 for power: it would tune anew on every market, and take days.")
    if is_user_code(experiment.label):
        raise ConfigError(
            f"Expected label direction, cost-aware or triple-barrier for power, got {experiment.label}: a label of "
            "your own is audited where a run is trained."
        )
    if experiment.combinatorial:
        raise ConfigError("Expected split expanding or rolling: paths of a combinatorial run give no verdict.")
    simulated = [
        power_study.Market(kind=kind, edge=edge, seed=seed, bars=n_bars)
        for kind in kinds
        for edge in ((0.0,) if kind in ("none", "shuffled") else edges)
        for seed in range(markets)
    ]
    for kind in kinds:
        power_study.make(power_study.Market(kind=kind, edge=0.1, seed=0, bars=n_bars), experiment)
    chosen = choose(backend)
    user_code = own_code(experiment)
    decided = {"rules": rules.to_json(), "versions": versions(chosen), "backend": chosen, **user_code}
    folder = settings.calibrations / experiment.fingerprint(**decided)[:10]
    if overwrite:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)
    placed = how(jobs=jobs, backend=backend, cluster=cluster)
    with progress_display(not settings.quiet) as progress, make_workers(**{**placed, "backend": chosen}) as workers:
        results = power_study.calibrate(
            experiment, simulated, rules=rules, folder=folder, workers=workers, progress=progress
        )
    study = power_results.PowerStudy(
        folder=folder,
        about={
            "experiment": experiment.to_json(),
            **decided,
            "market_bars": n_bars,
            "command": shlex.join(["forecast", *sys.argv[1:]]),
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        },
        shares=power_results.rates(results),
    )
    power_results.save(study)
    page = write_controls(study, folder=settings.reports_dir)
    write_index(
        list_runs(settings.runs), folder=settings.reports_dir, calibrations=power_results.listed(settings.calibrations)
    )
    if as_json:
        print_json(
            {
                "page": str(page),
                "folder": str(folder),
                "rates": power_results.records(study.shares),
                "comparisons": power_results.records(
                    study.shares.drop(columns=["low", "high", "claims", "claims_high"])
                ),
                "smallest_effects": [asdict(effect) for effect in power_results.smallest_effects(study.shares)],
                "smallest_edge": power_results.smallest_edges(study.shares),
            }
        )
        return
    from forecast.report import formatting

    _print(study.shares)
    smallest = power_results.smallest_edges(study.shares)
    detected = [row for row in smallest if row["edge"] is not None]
    for row in detected:
        say(
            f"{row['question']}, {row['model']} against {row['benchmark']} on {row['kind']}: "
            f"found with {formatting.POWER} from {row['edge']:.2f}."
        )
    if missed := len(smallest) - len(detected):
        other = "other " * bool(detected)
        say(
            f"{missed} {other}comparison{'s' * (missed > 1)}: found with {formatting.POWER} at none of the edges tried."
        )
    for sentence in effects(study):
        say(sentence)
    click.echo(str(page))


def _print(shares: Any) -> None:
    from forecast.cli.tables import Column, print_table
    from forecast.report import formatting

    print_table(
        [
            Column("market"), Column("edge", number=True), Column("question"), Column("model"), Column("benchmark"),
            Column("better", number=True), Column(formatting.CONFIDENCE, number=True),
            Column("worse", number=True, drop=2), Column("inconclusive", number=True, drop=1),
        ],
        [
            [
                row.kind, f"{row.edge:g}", row.question, row.model, row.benchmark, str(row.better),
                f"{row.low:.0%}–{row.high:.0%}", str(row.worse), str(row.inconclusive),
            ]
            for row in shares.itertuples()
        ],
    )  # fmt: skip
