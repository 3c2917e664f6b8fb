"""Metrics that come with gantk."""

from gantk import MetricSpec, hookimpl
from gantk_metrics.options import (
    ChosenPixelsOptions,
    CycleErrorOptions,
    DomainClassifierOptions,
    FIDOptions,
    KIDOptions,
    LPIPSOptions,
    MaskedPSNROptions,
    MultiScaleSSIMOptions,
    OutputDiversityOptions,
    PairOptions,
)


@hookimpl
def gantk_metrics() -> list[MetricSpec]:
    """Return metrics of sets (fid, kid, …), of pairs (psnr, ssim, …) and of translators."""
    return [
        MetricSpec(
            name="fid",
            factory="gantk_metrics.fid:FID",
            summary="Fréchet distance between the features of translations and of real pictures of the target domain.",
            options=FIDOptions,
            reference="Heusel 2017, equation 6, https://arxiv.org/abs/1706.08500; resizing after Parmar 2022",
            compares="sets",
        ),
        MetricSpec(
            name="kid",
            factory="gantk_metrics.kid:KID",
            summary="Unbiased squared MMD between the features of translations and real pictures; usable for small sets.",
            options=KIDOptions,
            reference="Bińkowski 2018, section 4, https://arxiv.org/abs/1801.01401",
            compares="sets",
        ),
        MetricSpec(
            name="output_diversity",
            factory="gantk_metrics.output_diversity:OutputDiversity",
            summary="How much outputs differ from each other, relative to real pictures; near 0 is mode collapse.",
            options=OutputDiversityOptions,
            reference="After Zhu 2017 (BicycleGAN), section 5.2: mean LPIPS distance between outputs",
            compares="sets",
        ),
        MetricSpec(
            name="psnr",
            factory="gantk_metrics.psnr:PSNR",
            summary="Peak signal-to-noise ratio of translations against the truth, on aligned samples.",
            options=ChosenPixelsOptions,
            reference="10 log10(255² / MSE) of each picture, then the mean",
            compares="pairs",
        ),
        MetricSpec(
            name="l1",
            factory="gantk_metrics.absolute_error:AbsoluteError",
            summary="Mean absolute difference between translations and the truth in 8-bit levels, on aligned samples.",
            options=PairOptions,
            reference="Isola 2017, equation 3, in 8-bit levels",
            compares="pairs",
        ),
        MetricSpec(
            name="ssim",
            factory="gantk_metrics.ssim:SSIM",
            summary="Structural similarity of translations and the truth, on aligned samples.",
            options=ChosenPixelsOptions,
            reference="Wang 2004, equations 13 to 17",
            compares="pairs",
        ),
        MetricSpec(
            name="ms_ssim",
            factory="gantk_metrics.ms_ssim:MultiScaleSSIM",
            summary="Structural similarity on five scales, on aligned samples.",
            options=MultiScaleSSIMOptions,
            reference="Wang 2003, equation 7",
            compares="pairs",
        ),
        MetricSpec(
            name="lpips",
            factory="gantk_metrics.lpips:LPIPS",
            summary="Learned perceptual distance (VGG16) of translations and the truth, on aligned samples.",
            options=LPIPSOptions,
            reference="Zhang 2018, equation 1, https://arxiv.org/abs/1801.03924",
            compares="pairs",
        ),
        MetricSpec(
            name="domain_classifier",
            factory="gantk_metrics.domain_classifier:DomainClassifier",
            summary="Share of translations that a classifier of real and ruined pictures takes for the target domain.",
            options=DomainClassifierOptions,
            reference="After Salimans 2016, section 4 (a classifier of real data judges samples)",
        ),
        MetricSpec(
            name="masked_psnr",
            factory="gantk_metrics.masked_psnr:MaskedPSNR",
            summary="PSNR against the known truth, inside and outside the animal's (object's) mask.",
            options=MaskedPSNROptions,
            reference="PSNR = 10 log10(255² / MSE), over all pixels of the set",
        ),
        MetricSpec(
            name="cycle_error",
            factory="gantk_metrics.cycle_error:CycleError",
            summary="Mean absolute difference between a picture and its translation there and back.",
            options=CycleErrorOptions,
            reference="Zhu 2017, equation 2, in 8-bit levels",
        ),
    ]
