"""The words of every command: its name, its help, and what it is given, read by argparse.

They stand beside the commands and not in them: a command's module brings the rooms along that it works with, and
`--help` needs none of those. Each public function of these modules adds one command; `main` lists them.
"""
