"""A group of commands that answers a mistyped one with the nearest."""

import click

from pipelines.errors import did_you_mean


class SuggestingGroup(click.Group):
    """What --help lists is what can be asked for; anything else is one line with the nearest."""

    former_names: dict[str, str] = {}  # noqa: RUF012  # a table of a subclass, never changed

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each with its whole first sentence, wrapped; click cuts it at the width of the terminal."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(limit=200)) for name, command in commands if command is not None]
            )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        names = self.list_commands(ctx)
        if (
            not ctx.resilient_parsing
            and args
            and not args[0].startswith("-")
            and args[0] not in [*names, *self.former_names]
        ):
            hint = did_you_mean(args[0], names)
            ctx.fail(f"Expected one of the commands {', '.join(names)}, got {args[0][:80]!r}.{hint}")
        return super().resolve_command(ctx, args)
