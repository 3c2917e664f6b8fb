import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from gantk.artifacts import Bundle
from gantk.inference import translate


@pytest.mark.parametrize("licence", ["CC BY 4.0", ""])
def test_the_log_of_a_translation_tells_the_licence_of_the_model(
    bundle: Callable[..., Bundle],
    encoded: Callable[..., bytes],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    licence: str,
) -> None:
    model = bundle("identity")
    licensed = Bundle(model.path, model.metadata.model_copy(update={"licence": licence}), registry=model._registry)
    (tmp_path / "a.png").write_bytes(encoded())
    with caplog.at_level(logging.INFO, logger="gantk"):
        for _ in range(2):
            assert translate(licensed, [str(tmp_path / "a.png")], tmp_path / "out", progress=False).failed == 0
    # The second call has nothing to do.
    assert caplog.messages == ([f"the licence of the model: {licence}"] if licence else [])
