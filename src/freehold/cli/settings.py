"""`freehold settings`: every setting with its help and default."""

import argparse

from freehold import settings


def main(given: argparse.Namespace) -> None:
    """Print an example settings.toml."""
    print(settings.example(), end="")
