"""A command with many options shows them in groups, each under a heading."""

import click

_HEADINGS = {
    "Forecasts": ("predictions", "validation", "predictors"),
    "Trading": ("portfolio",),
    "Prices": (),
    "What is learned": ("global_model", "local_models"),
    "Networks": (),
    "Where it runs": ("experiment", "overwrite"),
}
"""The headings in order, with the options that no configuration's field describes."""


class GroupedOptions(click.Command):
    """A command whose --help groups its options; those that stand under no heading come first."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records = {
            str(parameter.name): record
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)) is not None
        }
        heading_of = {name: heading for heading, names in _HEADINGS.items() for name in names}
        heading_of |= {
            str(parameter.name): setting.group
            for parameter in self.get_params(ctx)
            if (setting := getattr(parameter, "setting", None)) is not None and setting.group
        }
        sections = {
            heading: [name for name in records if heading_of.get(name, "Options") == heading]
            for heading in ("Options", *_HEADINGS)
        }
        for heading, names in sections.items():
            if rows := [records[name] for name in names if name in records]:
                with formatter.section(heading):
                    formatter.write_dl(rows)
