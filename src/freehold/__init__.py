"""Freehold: a social network that its community owns outright and that no vendor can switch off."""

__version__ = "0.1.0"
