"""Metrics that come with gantk."""

from gantk import MetricSpec, hookimpl
from gantk_metrics.options import CycleErrorOptions, DomainClassifierOptions, MaskedPSNROptions


@hookimpl
def gantk_metrics() -> list[MetricSpec]:
    """Return domain_classifier, masked_psnr and cycle_error."""
    return [
        MetricSpec(
            name="domain_classifier",
            factory="gantk_metrics.domain_classifier:DomainClassifier",
            summary="Share of translations that a classifier, trained on real samples only, takes for the target domain.",
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
