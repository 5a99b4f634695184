"""`freehold settings`: every setting with its help and default."""

import argparse

from freehold import settings


def main(given: argparse.Namespace) -> None:
    """Print an example settings.toml, or the table of docs/settings.md."""
    print(settings.markdown() if given.markdown else settings.example(), end="")
