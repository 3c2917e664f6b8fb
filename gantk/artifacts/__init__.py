"""Self-describing model bundles: one file that holds all that is needed to use a trained model."""

from __future__ import annotations

from gantk.artifacts.bundle import Bundle, load_bundle, save_bundle

__all__ = ["Bundle", "load_bundle", "save_bundle"]
