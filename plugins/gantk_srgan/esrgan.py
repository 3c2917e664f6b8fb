"""ESRGAN (Wang 2018, https://arxiv.org/abs/1809.00219)."""

from __future__ import annotations

from gantk_srgan.srgan import SRGAN


class ESRGAN(SRGAN):
    """SRGAN with another generator, game and weights, which its options have by default.

        L_G = L_perceptual + λ L_G^Ra + η |y - G(x)|₁,  L_D = L_D^Ra

    with the relativistic average losses L^Ra, λ = 5e-3 and η = 1e-2 of colours in [0, 1]. The paper starts from the
    same generator trained by the model `srresnet` with `pixel_loss: l1` (option `initial`).

    Reference:
        Wang 2018, equations 1 to 3 and section 4.1.
    """
