"""A command with many options shows them in groups, each under a heading."""

import click

_HEADINGS = {
    "Trading": (
        "policy", "threshold", "calibration", "fee_bps", "slippage_bps", "half_spread_bps", "borrow_rate",
        "financing_rate", "sizing", "target_volatility", "max_leverage", "kelly_fraction", "portfolio",
    ),
    "Prices": ("interval", "bars", "start", "end", "features"),
    "What is learned": (
        "window", "horizon", "label", "label_cost_bps", "barrier_width", "overnight", "weights",
        "folds", "split", "groups", "test_groups", "embargo", "global_model",
    ),
    "Networks": (
        "models", "units", "layers", "dropout", "recurrent_dropout", "layer_norm", "bidirectional", "clip",
        "seeds", "epochs", "patience", "batch", "learning_rate", "tuning_trials", "baselines",
    ),
    "Where it runs": ("jobs", "backend", "cluster", "overwrite"),
}  # fmt: skip


class GroupedOptions(click.Command):
    """A command whose --help groups its options; those that stand under no heading come first."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records = {
            str(each.name): record
            for each in self.get_params(ctx)
            if isinstance(each, click.Option) and (record := each.get_help_record(ctx)) is not None
        }
        grouped = {name for names in _HEADINGS.values() for name in names}
        sections = {"Options": [name for name in records if name not in grouped], **_HEADINGS}
        for heading, names in sections.items():
            if rows := [records[name] for name in names if name in records]:
                with formatter.section(heading):
                    formatter.write_dl(rows)
