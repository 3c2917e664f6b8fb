#!/bin/sh
# Write constraints.txt anew: the newest versions that the ranges in pyproject.toml allow.
#
#     tools/refresh_constraints.sh [python3.11]
#
# Use the oldest supported Python, so that every pin exists for all of them.
set -eu
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${1:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet ".[dev]"
{
    echo "# The versions that gantk is tested with. Written by tools/refresh_constraints.sh; names and versions only."
    "$folder/venv/bin/python" -m pip freeze --exclude gantk
} >"$folder/constraints.txt"
mv "$folder/constraints.txt" constraints.txt
