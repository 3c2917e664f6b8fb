"""Spectral normalization: a matrix divided by its largest singular value (Miyato 2018, https://arxiv.org/abs/1802.05957)."""

from __future__ import annotations

from typing import Any

from keras import ops


def normalized(kernel: Any, left_vector: Any, *, training: bool) -> Any:
    """Divide a kernel by its largest singular value, as one step of the power iteration finds it.

    The kernel counts as the matrix W of outputs × all else. The step starts from where the last one in training ended
    (paper, algorithm 1):

        v ← Wᵀu / |Wᵀu|,  u ← W v / |W v|,  σ = uᵀ W v.

    The quotient is differentiated through σ, with u and v fixed (paper, equation 12). All of this is computed in float32.

    Args:
        kernel: float32, … × outputs: the transpose of the paper's W, as Keras lays kernels out.
        left_vector: The variable of u, outputs; assigned in training mode.
        training: False takes the same step and forgets it.

    Returns:
        float32, of the kernel's shape.
    """
    transposed = ops.reshape(kernel, (-1, kernel.shape[-1]))
    fixed = ops.stop_gradient(transposed)
    right = _unit(ops.matmul(fixed, ops.stop_gradient(left_vector.value)))
    left = _unit(ops.matmul(right, fixed))
    if training:
        left_vector.assign(left)
    largest = ops.sum(ops.matmul(right, transposed) * left)
    # Of a kernel of zeros nothing can be made.
    return kernel / ops.where(largest > 0, largest, 1.0)


def _unit(vector: Any) -> Any:
    return vector / ops.maximum(ops.sqrt(ops.sum(ops.square(vector))), 1e-12)
