"""Which network's features pictures are compared by. Imports no framework."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, GetJsonSchemaHandler, ValidationInfo, field_validator
from pydantic_core import CoreSchema, PydanticKnownError

from gantk import Choice, Component, FeatureNetworkOptions


class PictureFeatures(FeatureNetworkOptions):
    """How a picture becomes one vector: options that stand beside those of the feature network."""

    layer: str | None = None
    """The layer whose average over the picture is the feature vector; by default the network's last, such as `relu5_3` of
    `vgg16`."""
    size: int | None = Field(None, ge=32)
    """Height and width that every picture is resized to before the network; by default what it was trained on: 299 for
    `inception_v3`, 224 for the others."""
    resizer: Literal["bicubic", "bilinear", "lanczos"] = "bicubic"
    "Pillow's filter, antialiased and without rounding to 8 bits (Parmar 2022). Part of the protocol: results differ by it."

    @field_validator("layer")
    @classmethod
    def _has_this_layer(cls, layer: str | None) -> str | None:
        if layer is not None and layer not in cls.layers:
            raise PydanticKnownError("literal_error", {"expected": ", ".join(map(repr, cls.layers))})
        return layer

    @field_validator("size")
    @classmethod
    def _is_large_enough(cls, size: int | None, info: ValidationInfo) -> int | None:
        smallest = cls.layers.get(info.data.get("layer") or cls._summary(), 1)
        if size is not None and size < smallest:
            raise PydanticKnownError("greater_than_equal", {"ge": smallest})
        return size

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        described = handler(schema)
        if cls.layers:
            properties = handler.resolve_ref_schema(described)["properties"]
            properties["layer"] = {**properties["layer"], "anyOf": [{"enum": list(cls.layers)}, {"type": "null"}]}
        return described

    @classmethod
    def _summary(cls) -> str:
        return cls.summary_layer or next(reversed(cls.layers))

    @property
    def chosen_layer(self) -> str:
        """The layer, whether named or not."""
        return self.layer or self._summary()

    @property
    def chosen_size(self) -> int:
        """The size, whether given or not."""
        return self.size or self.picture_size


Features = Annotated[Component, Choice("feature_network", beside=PictureFeatures)]
"""A feature network's name, or a mapping with `type`, its options and those of `PictureFeatures`."""
