"""`python -m gantk` is `gantk`."""

from __future__ import annotations

import sys

from gantk.cli import main

if __name__ == "__main__":
    sys.exit(main())
