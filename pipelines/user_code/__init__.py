"""Code of a person's own, named `module:function`: of the current directory, or installed.

It runs with the rights of whoever starts it, in processes that are watched: one that ends there, or crashes, ends no
command without a word. The sha256 of its files belongs to a run, and a run from elsewhere imports nothing that differs.
What it returns is checked by whoever calls it.
"""

from pipelines.user_code.loading import FAILURES, LONGEST_CALL, WATCHED, call, limited, load, one_line
from pipelines.user_code.process import end_process, import_anew, run, run_alone
from pipelines.user_code.source_files import (
    PATTERN,
    RESERVED,
    check_sources,
    files,
    is_user_code,
    short_name,
    sources,
)

__all__ = [
    "FAILURES",
    "LONGEST_CALL",
    "PATTERN",
    "RESERVED",
    "WATCHED",
    "call",
    "check_sources",
    "end_process",
    "files",
    "import_anew",
    "is_user_code",
    "limited",
    "load",
    "one_line",
    "run",
    "run_alone",
    "short_name",
    "sources",
    "worker",
]
