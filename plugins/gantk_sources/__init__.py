"""Built-in data sources: folder, archive, text, tfds, gaussians."""

from __future__ import annotations

from gantk import SourceSpec, hookimpl
from gantk_sources.gaussians_options import GaussiansOptions
from gantk_sources.options import ArchiveOptions, FolderOptions, TextOptions, TfdsOptions


@hookimpl
def gantk_sources() -> list[SourceSpec]:
    """Return the built-in sources."""
    return [
        SourceSpec(
            name="folder",
            factory="gantk_sources.folder:FolderSource",
            options=FolderOptions,
            summary="Pictures in folders: two unpaired domains, aligned pairs, or a single domain.",
        ),
        SourceSpec(
            name="archive",
            factory="gantk_sources.archive:ArchiveSource",
            options=ArchiveOptions,
            summary="Pictures in a zip or tar archive, read without unpacking it.",
        ),
        SourceSpec(
            name="text",
            factory="gantk_sources.text:TextSource",
            options=TextOptions,
            summary="Lines of text files, one sample a line.",
        ),
        SourceSpec(
            name="tfds",
            factory="gantk_sources.tfds:TfdsSource",
            options=TfdsOptions,
            summary="A data set of TensorFlow Datasets, downloaded on first use (extra: gantk[tfds]).",
            reference="https://www.tensorflow.org/datasets/catalog/overview",
        ),
        SourceSpec(
            name="gaussians",
            factory="gantk_sources.gaussians:GaussiansSource",
            options=GaussiansOptions,
            summary="Points of a grid of Gaussians in the plane, as images of 1 × 2 pixels: to count lost modes.",
            reference="Srivastava 2017, section 4.1, https://arxiv.org/abs/1705.07761",
        ),
    ]
