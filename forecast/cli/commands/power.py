"""`forecast power`: the person's own experiment on simulated markets whose truth is known."""

import shlex
import sys
from typing import TYPE_CHECKING, Any

import click

from forecast.cli.context import CliContext, json_option, print_json, records, standalone_option
from forecast.cli.help_groups import GroupedOptions
from forecast.cli.options import how, make_experiment, option_of, take_rules, trading_options, training_options
from forecast.cli.text import say
from forecast.config.power_study import PowerStudyConfig

if TYPE_CHECKING:
    from forecast.api.power_studies import PowerResult


@click.command("power", cls=GroupedOptions)
@option_of(PowerStudyConfig, "kinds")
@option_of(PowerStudyConfig, "edges")
@option_of(PowerStudyConfig, "markets")
@option_of(PowerStudyConfig, "n_bars")
@trading_options
@training_options
@standalone_option
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
    standalone: bool,
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
    from forecast.api.power_studies import study_power

    settings: CliContext = ctx.obj
    rules = take_rules(options)
    study = PowerStudyConfig(kinds=kinds, edges=edges, markets=markets, n_bars=n_bars)
    result = study_power(
        make_experiment("CONTROL", options),
        study,
        rules,
        overwrite=overwrite,
        progress=not settings.quiet,
        workspace=settings.workspace,
        standalone=standalone,
        command=shlex.join(["forecast", *sys.argv[1:]]),
        **how(jobs=jobs, backend=backend, cluster=cluster),
    )
    if as_json:
        print_json(
            {
                "page": str(result.page),
                "folder": str(result.study.folder),
                "rates": records(result.rates),
                "comparisons": records(result.rates.drop(columns=["low", "high", "claims", "claims_high"])),
                "smallest_effects": records(result.smallest_effects),
                "smallest_edge": records(result.smallest_edges),
            }
        )
        return
    for sentence in result.sentences:
        say(sentence)
    click.echo("")
    _print(result)
    click.echo("")
    say(
        "Markets in which a network's skill was told from the base rate's; without an edge each is a false claim. All "
        "comparisons: --json, or the page."
    )
    say(f"Page: {result.page}")


def _print(result: "PowerResult") -> None:
    """One row a market and edge, one column a network: how often its skill was seen."""
    from forecast.cli.tables import Column, print_table
    from forecast.report import formatting
    from forecast.report.pages.power import skill_counts

    networks, rows = skill_counts(result.rates)
    print_table(
        [Column("market"), *(Column(formatting.label(network), number=True) for network in networks)],
        [[market, *counts] for market, counts in rows],
    )
