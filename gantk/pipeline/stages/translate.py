"""The stage `translate`: the trained model at work on pictures."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from gantk.atomic_files import write_bytes, write_json
from gantk.errors import RunFailed
from gantk.pipeline.stage_context import StageContext
from gantk.pipeline.stages.options import TranslateOptions
from gantk.protocols import Artifact
from gantk.wording import counted

if TYPE_CHECKING:
    from gantk.artifacts import Bundle

logger = logging.getLogger("gantk.pipeline")


class TranslateStage:
    """Translate prepared pictures, or files and folders, and leave pairs for the run's page."""

    def __init__(self, options: TranslateOptions) -> None:
        self.options = options

    def run(self, context: StageContext) -> Mapping[str, Artifact]:
        """Translate into the stage's folder.

        Raises:
            RunFailed: There is nothing to translate, or some inputs could not be translated.
        """
        from gantk.artifacts import load_bundle
        from gantk.engine.backend import choose_backend

        choose_backend(
            context.runtime.backend, threads=context.runtime.threads, deterministic=context.runtime.deterministic
        )
        bundle = load_bundle(context.artifact("model").path)
        direction = bundle.picture_direction(self.options.direction)
        translate = self._translate_files if self.options.inputs else self._translate_prepared
        pairs = translate(context, bundle, direction)
        write_json(context.directory / "pairs.json", {"direction": direction, "pairs": pairs})
        digest = hashlib.sha256(json.dumps([bundle.digest, pairs]).encode()).hexdigest()
        return {"translations": Artifact(context.directory, digest)}

    def _translate_prepared(self, context: StageContext, bundle: Bundle, direction: str) -> list[dict[str, str]]:
        from gantk.data import PreparedDataset

        dataset = PreparedDataset.open(context.artifact("dataset").path)
        source = direction.partition("to")[0]
        split = self.options.split
        domain, field = (source, "image") if source in dataset.domains(split) else ("AB", source)
        if field not in dataset.fields(split, domain):
            raise RunFailed(
                f"The prepared data must hold pictures of domain {source} in the split {split!r}. "
                f"Received: {', '.join(f'{name} ({chr(44).join(dataset.domains(name))})' for name in dataset.splits)}",
                hint="Name another split or direction, or pictures of your own under `inputs`.",
            )
        records = dataset.records(split, domain)
        count = len(records) if self.options.limit is None else min(self.options.limit, len(records))
        pairs = []
        for index in range(count):
            record = records[index]
            name = PurePosixPath(record["key"])
            before = context.directory / "before" / f"{name}.png"
            after = context.directory / "after" / f"{name}.png"
            _write_png(before, record[field])
            _write_png(after, bundle.translate(record[field][None], direction)[0])
            pairs.append(_pair(context.directory, before, after, str(name)))
        logger.info("translated %s, %s", counted(count, "prepared picture"), direction)
        return pairs

    def _translate_files(self, context: StageContext, bundle: Bundle, direction: str) -> list[dict[str, str]]:
        from gantk.inference import translate

        after = context.directory / "after"
        summary = translate(bundle, self.options.inputs, after, direction=direction, progress=context.progress)
        if summary.failed:
            raise RunFailed(
                f"{summary.failed} of {counted(summary.inputs, 'input')} could not be translated; see {after / 'failures.jsonl'}.",
                hint="The others are done. Mend or remove those files, then run with --resume.",
            )
        return _file_pairs(after)


def _file_pairs(after: Path) -> list[dict[str, str]]:
    """Pair the outputs of a job with those of its inputs that are files of their own, not members of an archive."""
    pairs = []
    for line in (after / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if Path(record["input"]).is_file():
            before = str(Path(record["input"]).resolve())
            pairs.append({"before": before, "after": f"after/{record['output']}", "caption": record["output"]})
    return pairs


def _write_png(path: Path, pixels: Any) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    encoded = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(encoded, "PNG", compress_level=1)
    write_bytes(path, encoded.getvalue())


def _pair(folder: Path, before: Path, after: Path, caption: str) -> dict[str, str]:
    return {
        "before": before.relative_to(folder).as_posix(),
        "after": after.relative_to(folder).as_posix(),
        "caption": caption,
    }
