"""Weights that other projects have trained: reading their files without running anything of them, and using them.

A file format is a module with `NAME`, `recognises` and `read` (see `reading._FORMATS`); whose network the tensors
make up is a plugin's weight map (`gantk.WeightMapSpec`).
"""

from __future__ import annotations

from gantk.artifacts.foreign.importing import ImportedNetwork, import_network
from gantk.artifacts.foreign.option_texts import parse_options
from gantk.artifacts.foreign.reading import ForeignWeights, read_foreign_weights
from gantk.artifacts.foreign.weight_maps import full_name, recognised_by

__all__ = [
    "ForeignWeights",
    "ImportedNetwork",
    "full_name",
    "import_network",
    "parse_options",
    "read_foreign_weights",
    "recognised_by",
]
