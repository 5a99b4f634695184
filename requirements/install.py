"""Make a local `.venv` from the locked requirements; `make install` and `make test` call this, and `freehold install`.

Usage: python3 requirements/install.py run | dev | place FOLDER

`place` makes FOLDER in the place of `.venv`, with Freehold itself inside, so that it needs this checkout no more.

In: an interpreter (the one this runs under) and the lock files beside this one. Out: `.venv` with every package by
exact version and hash, and the `freehold` command. Runs on the standard library
alone, and says what to do when it cannot.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
VENV = Path(sys.argv[2]).absolute() if sys.argv[2:] else ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)


def stop(say):
    """End with one sentence on stderr and exit 1."""
    sys.stderr.write("\n" + say + "\n\n")
    sys.exit(1)


def check_python():
    """Refuse an interpreter that is too old, before any package does it less clearly."""
    if sys.version_info < OLDEST:
        have = ".".join(map(str, sys.version_info[:3]))
        stop(f"Freehold needs Python 3.11 or newer, this is {have}. Name another one: make install PYTHON=python3.12")


def make_venv():
    """Create `.venv` unless a working one stands already."""
    if PYTHON.exists() and subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], capture_output=True, text=True)
    if made.returncode:
        sys.stderr.write(made.stdout + made.stderr)
        stop("Python could not make a virtual environment. On Debian and Ubuntu: sudo apt-get install -y python3-venv")


def pip(*arguments, quiet_failure=False):
    """Run the venv's pip. True when it went well; else False, or the end of the run unless `quiet_failure`."""
    command = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=quiet_failure)
    if done.returncode and not quiet_failure:
        stop("Installing failed; pip's reason stands above. Nothing outside .venv was changed; run the command again.")
    return done.returncode == 0


def locked(name):
    """Install one lock file: exact versions, checked by hash, wheels only.

    pyvips alone comes as source, which is plain Python as long as pkgconfig is absent: it then takes the library that
    the pyvips-binary wheel carries, and needs no compiler.
    """
    wheels = ("--only-binary=:all:", "--no-binary=pyvips", "--no-build-isolation")
    pip("--require-hashes", *wheels, "-r", LOCKS / f"{name}.txt")


def entries(lock):
    """The requirements of a lock file, each with its hashes, as (package name, text)."""
    text = "\n".join(line for line in lock.read_text().splitlines() if not line.lstrip().startswith("#"))
    blocks = text.replace("\\\n", " ").splitlines()
    return [(block.split("==")[0].strip(), block) for block in blocks if "==" in block]


def accelerators():
    """Try each compiled accelerator; Freehold runs without them, so a missing one is a line and not an error."""
    missing = [name for name, text in entries(LOCKS / "fast.txt") if not accelerator(name, text)]
    if missing:
        sys.stderr.write(
            f"Without {' and '.join(missing)} (could not be built here) Freehold runs, only slower."
            " For full speed: sudo apt-get install -y gcc python3-dev && make reinstall\n"
        )


def accelerator(name, text):
    """Install one, with the locked build tools; only what compiles within seconds is built from source."""
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "one.txt"
        lock.write_text(text + "\n")
        source = [] if name == "cbrrr" else ["--only-binary=:all:"]
        return pip("--require-hashes", "--no-build-isolation", *source, "-r", lock, quiet_failure=True)


def main(purpose):
    """Install for `run` or, on top of that, for `dev`."""
    check_python()
    make_venv()
    if purpose == "dev":
        locked("dev")
        return
    for name in ("build", "runtime", "lexicons"):
        locked(name)
    accelerators()
    if purpose == "place":
        place()
    else:
        pip("--no-build-isolation", "--editable", ".")


def place():
    """Freehold itself, built from a copy, so that nothing is left behind in the checkout."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, folder)
        shutil.copytree(ROOT / "src" / "freehold", Path(folder) / "src" / "freehold")
        pip("--no-build-isolation", folder)


if __name__ == "__main__":
    main(sys.argv[1])
