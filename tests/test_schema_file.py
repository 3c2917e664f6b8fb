import json
import os
import subprocess
import sys
from pathlib import Path

SCHEMA = Path(__file__).parents[1] / "docs" / "schema.json"


def test_the_committed_schema_is_what_gantk_prints() -> None:
    environment = {**os.environ, "GANTK_LOAD_PLUGINS": ""}
    printed = subprocess.run(
        [sys.executable, "-m", "gantk", "schema"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(printed) == json.loads(SCHEMA.read_text()), "out of date; mend it with: make schema"
