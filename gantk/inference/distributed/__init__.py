"""The job of `gantk upscale` as a Beam pipeline, on as many machines as see the same folders.

An element is a unit of some dozens of pictures, by its name; pixels never pass through the runner. Every worker process
loads the model once, writes results in one step each to the output folder, and notes each in a file of its own, from
which the process that started the job gathers the records: they are those of a job on one machine.
"""

from __future__ import annotations

from gantk.inference.distributed.upscaling import upscale_with_beam

__all__ = ["upscale_with_beam"]
