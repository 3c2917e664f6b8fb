"""The run's page: one HTML file that needs no network."""

from gantk.report.page import write_report

__all__ = ["write_report"]
