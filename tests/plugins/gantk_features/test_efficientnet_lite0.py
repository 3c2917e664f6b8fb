"""EfficientNet-lite0 against NumPy in float64."""

import numpy as np
from float64_networks import convolved

from gantk_features.efficientnet_lite0 import EfficientNetLite0
from gantk_features.options import EfficientNetLite0Options


def test_efficientnet_lite0(efficientnet_file: str, efficientnet_arrays: dict[str, np.ndarray]) -> None:
    arrays = {name: array.astype(np.float64) for name, array in efficientnet_arrays.items()}
    levels = np.random.default_rng(1).integers(0, 256, (40, 44, 3)).astype(float)

    def normed(features: np.ndarray, name: str, relu6: bool = True) -> np.ndarray:
        scale = arrays[f"{name}.weight"] / np.sqrt(arrays[f"{name}.running_var"] + 1e-3)
        result = (features - arrays[f"{name}.running_mean"]) * scale + arrays[f"{name}.bias"]
        return np.clip(result, 0, 6) if relu6 else result

    def kernel(name: str) -> np.ndarray:
        return arrays[f"{name}.weight"].transpose(2, 3, 1, 0)

    features = normed(convolved((levels - 127) / 128, kernel("_conv_stem"), 2), "_bn0")
    expected = {"stem": features}
    for number in range(16):
        block, inputs, stride = f"_blocks.{number}.", features, 2 if number in (1, 3, 5, 11) else 1
        if number:
            features = normed(convolved(features, kernel(f"{block}_expand_conv")), f"{block}_bn0")
        depthwise = arrays[f"{block}_depthwise_conv.weight"].transpose(2, 3, 0, 1)
        features = normed(convolved(features, depthwise, stride, depthwise=True), f"{block}_bn1")
        features = normed(convolved(features, kernel(f"{block}_project_conv")), f"{block}_bn2", relu6=False)
        if stride == 1 and features.shape == inputs.shape:
            features = features + inputs
        expected[f"block{number}"] = features
    expected["head"] = normed(convolved(features, kernel("_conv_head")), "_bn1")
    expected["logits"] = arrays["_fc.weight"] @ expected["head"].mean(axis=(0, 1)) + arrays["_fc.bias"]

    network = EfficientNetLite0(EfficientNetLite0Options(path=efficientnet_file))
    assert list(EfficientNetLite0Options.layers) == list(expected)
    built = network.build(list(expected))
    given = network.preprocessing(levels)[None].astype("float32")
    for name, found in zip(expected, built(given), strict=True):
        np.testing.assert_allclose(np.asarray(found)[0], expected[name], rtol=1e-4, atol=1e-4, err_msg=name)
    assert network.description["file"] == "efficientnet_lite0.npz"
    assert str(network.preprocessing) == "(level - 127) / 128, RGB"


def test_a_layer_near_the_input_needs_the_weights_so_far(tmp_path, efficientnet_arrays: dict[str, np.ndarray]) -> None:
    path = tmp_path / "start.npz"
    np.savez(
        path, **{name: array for name, array in efficientnet_arrays.items() if name.startswith(("_conv_stem", "_bn0"))}
    )
    network = EfficientNetLite0(EfficientNetLite0Options(path=str(path))).build(["stem"])
    assert [output.shape for output in network.outputs] == [(None, None, None, 4)]
