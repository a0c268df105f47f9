"""`forecast signal`: buy, hold or sell at the newest close in the store."""

import click

from forecast.commands.settings import Settings, json_option, print_json


@click.command("signal")
@click.argument("name", default="latest", metavar="[RUN]")
@click.option("--band", type=float, default=0.0, show_default=True, help="Hold while |probability - 0.5| <= band.")
@json_option
@click.pass_obj
def command(settings: Settings, name: str, band: float, as_json: bool) -> None:
    """The signal of RUN's networks (the latest run when none is named) at the newest close in the store.

    The members of the last fold decide together: the mean of their probabilities. Fetch first for today's prices.

    \b
    Examples:
      forecast fetch AAPL && forecast signal
      forecast signal --band 0.02 --json
    """
    import pandas as pd

    from forecast.runs import open_run
    from forecast.today import signals
    from pipelines.store import Store

    run = open_run(settings.runs, name)
    found = signals(run, store=Store(settings.store), band=band)
    described = run.describe()
    symbol, currency = described["config"]["symbol"], described["data"]["currency"]
    decided_at = pd.Timestamp(found[0].decided_at, tz="UTC")
    age = (pd.Timestamp.now("UTC") - decided_at).days
    if as_json:
        print_json(
            {
                "run": run.name,
                "symbol": symbol,
                "decided_at": decided_at.isoformat(),
                "age_days": age,
                "price": found[0].price,
                "currency": currency,
                "bars_since_run": found[0].bars_since_run,
                "signals": [
                    {
                        "model": each.model,
                        "signal": each.signal,
                        "probability": each.probability,
                        "members": list(each.members),
                    }
                    for each in found
                ],
            }
        )
        return
    price = f"{found[0].price:,.2f} {currency}".strip()
    click.echo(f"{symbol} at the close of {decided_at:%Y-%m-%d %H:%M} UTC, {price}, {age:,} days old:")
    for each in found:
        spread = f"members {min(each.members):.3f} to {max(each.members):.3f}"
        click.echo(
            f"  {each.model:<12} {each.signal.upper():<5} probability of a rise {each.probability:.3f} ({spread})"
        )
    if found[0].bars_since_run:
        settings.note(f"{found[0].bars_since_run} bars are newer than the run. Train again to learn from them.")
    if age > 5:
        settings.note(f"The prices are {age:,} days old. Fetch newer ones: forecast fetch {symbol}")
