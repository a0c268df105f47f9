"""`python -m forecast` and the `forecast` console script: one command, errors as one line and an exit code."""

import errno
import itertools
import math
import os
import re
import sys
import traceback

import click

from forecast.cli.main import cli
from forecast.cli.streams import prepare_streams
from forecast.cli.termination import interrupt_on_termination
from forecast.cli.text import printable
from pipelines.errors import ForecastError

_OF_COMMANDS = {"-h", "--help", "--version"}
_SYSTEM = {
    errno.ENOSPC: "the disk is full. Free some space and run the same command again.",
    errno.EDQUOT: "the disk quota is used up. Free some space and run the same command again.",
    errno.EACCES: "no permission. Choose another folder with --data-dir or --reports-dir.",
    errno.EPERM: "no permission. Choose another folder with --data-dir or --reports-dir.",
    errno.EFBIG: "the file is larger than this system lets it be. Free some space and run the same command again.",
    errno.ENOTDIR: "a file is where a folder is needed. Choose another one with --data-dir or --reports-dir.",
    errno.EEXIST: "a file is where a folder is needed. Choose another one with --data-dir or --reports-dir.",
    errno.EISDIR: "a folder is where a file is needed. Move it away and run the same command again.",
    errno.ELOOP: "a symbolic link is where a file is needed. Move it away and run the same command again.",
    errno.EROFS: "the file system is read-only. Choose another folder with --data-dir or --reports-dir.",
    errno.EIO: "the disk cannot read or write it. Choose another folder with --data-dir or --reports-dir.",
    errno.ENOLCK: "the file system has no locks. Choose another folder with --data-dir or --reports-dir.",
    errno.ESTALE: "the file server does not know it any more. Run the same command again.",
}
_NO_MEMORY = re.compile("failed to map segment|cannot allocate memory|malloc of size", re.IGNORECASE)
_NO_ROOM = re.compile("too many open files|can't start new thread|resource temporarily unavailable", re.IGNORECASE)
_LEAST_ADDRESS_SPACE = (
    1.5e9  # bytes: below, native libraries end the process, or wait for ever, before Python hears of it
)
_MORE_MEMORY = "Expected more memory than there is. Free some, raise `ulimit -v`, or work on fewer rows at a time"
_MORE_ROOM = "Expected more open files, threads or processes than are allowed here. Raise `ulimit -n` or `ulimit -u`"


def main(arguments: list[str] | None = None) -> None:
    """Runs one command line and exits: 0 done, 2 wrong usage or input, 130 on Ctrl-C, by the signal where one came, 1
    anything else."""
    arguments = sys.argv[1:] if arguments is None else arguments
    interrupt_on_termination()
    prepare_streams()
    sys.exit(run(arguments))


def run(arguments: list[str]) -> int:
    """Runs one command line and returns its exit code."""
    debug = "--debug" in arguments
    if (limit := _address_space()) < _LEAST_ADDRESS_SPACE:
        least = f"{_LEAST_ADDRESS_SPACE / 1e9:.1f} GB"
        return _fail(
            f"Expected at least {least} of address space, got {limit / 1e9:.1f} GB. Raise `ulimit -v`.",
            debug=False,
            code=2,
        )
    try:
        arguments = globals_first(arguments)
        return int(cli.main(args=arguments, prog_name="forecast", standalone_mode=False) or 0)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return 2
    except click.UsageError as error:
        where = f" Try '{error.ctx.command_path} --help'." if error.ctx else ""
        return _fail(f"{error.format_message()}{where}", debug=debug, code=2)
    except click.ClickException as error:
        return _fail(error.format_message(), debug=debug, code=2)
    except ForecastError as error:
        return _fail(str(error), debug=debug, code=2)
    except (KeyboardInterrupt, click.Abort):
        print("Stopped. What was finished is kept; the same command resumes there.", file=sys.stderr)
        return 130
    except (BrokenPipeError, SystemExit):  # click exits by itself where the reader of a pipe has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except BaseException as error:  # a panic of the library that the store is kept with is no Exception
        message, code = _unforeseen(error)
        hint = " This is a defect of forecast; --debug shows where." if code == 1 and not debug else ""
        return _fail(message + hint, debug=debug, code=code)


def _unforeseen(error: BaseException) -> tuple[str, int]:
    """What to say of an error that nobody foresaw, and its exit code: 2 where this system is short of something."""
    if isinstance(error, OSError) and error.errno in _SYSTEM:
        return f"{error.filename or 'Writing'}: {_SYSTEM[error.errno]}", 2
    text, kind = str(error), type(error).__name__
    if isinstance(error, MemoryError) or _NO_MEMORY.search(text):
        return f"{_MORE_MEMORY} ({kind}).", 2
    if _NO_ROOM.search(text):
        return f"{_MORE_ROOM} ({kind}).", 2
    return f"{kind}: {text}.", 1


def globals_first(arguments: list[str]) -> list[str]:
    """The same with the options that belong to all commands before the command, wherever a person put them.

    >>> globals_first(["train", "AAPL", "--data-dir", "x", "--quiet"])
    ['--data-dir', 'x', '--quiet', 'train', 'AAPL']
    """
    options = {
        name: parameter for parameter in cli.params if isinstance(parameter, click.Option) for name in parameter.opts
    }
    first: list[str] = []
    rest: list[str] = []
    left = iter(arguments)
    for argument in left:
        name, text, _ = argument.partition("=")
        option = options.get(name)
        if argument == "--":
            rest += [argument, *left]
        elif option is None or option.is_eager or name in _OF_COMMANDS:
            rest.append(argument)
        else:
            first.append(argument)
            if not option.is_flag and not text:
                first += itertools.islice(left, 1)
    return [*first, *rest]


def _address_space() -> float:
    """Bytes of memory that this process may address."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return math.inf
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return math.inf if limit == resource.RLIM_INFINITY else float(limit)


def _fail(message: str, *, debug: bool, code: int) -> int:
    if debug:
        traceback.print_exc()
    print("Error: " + printable(" ".join(message.split())), file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
