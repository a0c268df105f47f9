"""What a process holds of the memory of its machine."""

import ctypes
import sys


def return_free_memory() -> None:
    """Gives back to the system what was freed but lies between arrays still in use; nothing where it cannot be asked.

    After the data of a panel are prepared that is a fifth of what the process holds.
    """
    pyarrow = sys.modules.get("pyarrow")
    if pyarrow is not None:
        pyarrow.default_memory_pool().release_unused()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc alone
        if trim is not None:
            trim(0)
