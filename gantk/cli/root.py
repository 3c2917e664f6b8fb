"""`gantk`: the table of commands, which imports none of them."""

from __future__ import annotations

import click

from gantk import __version__
from gantk.cli.lazy_group import LazyGroup
from gantk.cli.settings import common_options

cli = LazyGroup(
    name="gantk",
    lazy_commands={
        "pipeline": ("gantk.cli.pipeline:pipeline", "Run, check and show pipelines."),
        "data": ("gantk.cli.data:data", "Prepare and inspect data sets."),
        "translate": ("gantk.cli.translate:translate", "Translate pictures with a trained model."),
        "upscale": ("gantk.cli.upscale:upscale", "Enlarge pictures with a model for super-resolution."),
        "generate": ("gantk.cli.generate:generate", "Make pictures with a model of latent vectors."),
        "evaluate": ("gantk.cli.evaluate:evaluate", "Compare two folders of pictures: FID, KID, PSNR, SSIM, LPIPS."),
        "models": ("gantk.cli.models:models", "Import, show and export models."),
        "plugins": ("gantk.cli.plugins:plugins", "List plugins, and the options of what they provide."),
        "schema": ("gantk.cli.schema:schema", "Print the JSON schema of pipeline files."),
        "completion": ("gantk.cli.completion:completion", "Print a shell's completion script."),
    },
    params=[
        *common_options(),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=lambda ctx, _, value: _print_version(ctx) if value else None,
            help="Print the version and exit.",
        ),
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
    help="""Pipelines for image-to-image and sequence GANs on Keras 3, TensorFlow and JAX.

    A pipeline is a YAML file: which data, which model, what to measure. Everything named in it is a plugin.

    \b
    gantk pipeline run pipelines/horse2zebra.yaml      train a CycleGAN, start to report
    gantk plugins list                                 what there is to choose from
    gantk plugins show cyclegan                        its options, types and defaults
    gantk translate runs/horse2zebra photos -o zebras  use what was trained
    gantk upscale runs/superres scans.zip -o enlarged  pictures of any size, made larger
    gantk generate runs/digits -n 64 -o digits         pictures of nothing but chance
    """,
    epilog="Exit codes: 0 done, 1 run failed, 2 wrong usage, 3 defect, 4 invalid pipeline, 5 plugin, 130 Ctrl-C.",
)


def _print_version(ctx: click.Context) -> None:
    click.echo(f"gantk {__version__}")
    ctx.exit()
