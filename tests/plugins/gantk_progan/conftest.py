"""The tiny ProGAN is imported by name here and in subprocesses."""

from __future__ import annotations

import os
import sys
from pathlib import Path

FOLDER = Path(__file__).parent

if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
