"""Checks that the author of a plugin can run on what the plugin provides."""
