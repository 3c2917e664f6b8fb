"""Built-in losses: the adversarial games and the distances between two images."""

from __future__ import annotations

from gantk import LossSpec, hookimpl
from gantk_losses.options import CharbonnierOptions, LeastSquaresOptions, PerceptualOptions, VanillaOptions


@hookimpl
def gantk_losses() -> list[LossSpec]:
    """Return the built-in losses."""
    return [
        LossSpec(
            name="lsgan",
            factory="gantk_losses.lsgan:LeastSquaresLoss",
            smooths_labels=True,
            options=LeastSquaresOptions,
            summary="Least-squares adversarial loss.",
            reference="Mao 2017, equation 9, https://arxiv.org/abs/1611.04076",
        ),
        LossSpec(
            name="vanilla",
            factory="gantk_losses.vanilla:VanillaLoss",
            smooths_labels=True,
            options=VanillaOptions,
            summary="Binary cross-entropy of the logits, with the non-saturating generator loss.",
            reference="Goodfellow 2014, section 3, https://arxiv.org/abs/1406.2661",
        ),
        LossSpec(
            name="hinge",
            factory="gantk_losses.hinge:HingeLoss",
            smooths_labels=False,
            summary="Hinge adversarial loss.",
            reference="Lim 2017, https://arxiv.org/abs/1705.02894; Miyato 2018, equations 16 and 17",
        ),
        LossSpec(
            name="wasserstein",
            factory="gantk_losses.wasserstein:WassersteinLoss",
            smooths_labels=False,
            needs_bounded_slope=True,
            summary="Difference of the critic's means; it needs a constraint on the critic, such as a gradient penalty.",
            reference="Arjovsky 2017, equation 2, https://arxiv.org/abs/1701.07875",
        ),
        LossSpec(
            name="relativistic_average",
            factory="gantk_losses.relativistic_average:RelativisticAverageLoss",
            smooths_labels=False,
            summary="Cross-entropy of logits relative to the mean logit of the other kind; the game of ESRGAN.",
            reference="Jolicoeur-Martineau 2018, section 4.2, https://arxiv.org/abs/1807.00734",
        ),
        LossSpec(
            name="l1",
            role="pairwise",
            factory="gantk_losses.l1:MeanAbsoluteError",
            summary="Mean absolute difference.",
        ),
        LossSpec(
            name="l2",
            role="pairwise",
            factory="gantk_losses.l2:MeanSquaredError",
            summary="Mean squared difference.",
        ),
        LossSpec(
            name="charbonnier",
            role="pairwise",
            factory="gantk_losses.charbonnier:CharbonnierLoss",
            options=CharbonnierOptions,
            summary="Mean absolute difference, smooth at zero.",
            reference="Lai 2017, equation 3, https://arxiv.org/abs/1704.03915",
        ),
        LossSpec(
            name="perceptual",
            role="pairwise",
            factory="gantk_losses.perceptual:PerceptualLoss",
            options=PerceptualOptions,
            summary="Distance in the inner layers of a trained network, such as VGG19.",
            reference="Ledig 2017, equation 5, https://arxiv.org/abs/1609.04802; Wang 2018, section 3.4",
        ),
    ]
