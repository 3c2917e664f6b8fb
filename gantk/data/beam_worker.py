"""Main program of a local Beam worker process: `python -m gantk.data.beam_worker`, started by Beam."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import threading
import time

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_THRESHOLD_BYTES = 2**30


def keep_freed_memory() -> bool:
    """Let glibc keep freed image buffers, instead of giving each back to the system and faulting in a new one.

    Images are larger than glibc's initial threshold for mapping memory of its own (128 KiB), and the page
    faults of fresh maps cost more than many decoders.

    Returns:
        Whether it was done: only glibc has these settings.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_M_MMAP_THRESHOLD, _THRESHOLD_BYTES)) and bool(mallopt(_M_TRIM_THRESHOLD, _THRESHOLD_BYTES))


def end_with_parent(interval: float = 1.0) -> None:
    """End this process when the one that started it is gone, so that none is left behind."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(interval)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def main() -> None:
    """Serve the runner until it has no more work."""
    keep_freed_memory()
    end_with_parent()
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)


if __name__ == "__main__":
    main()
