"""The house keeps its own rules: imports, purity, locks without addresses, documents that name real things."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "freehold"
PURE_ROOMS = ("protocol", "repo")
# Calls by name, and calls on an object (`datetime.now()`).
CLOCK_AND_IO = {("open", False), ("print", False), ("input", False), ("now", True), ("utcnow", True), ("today", True)}
GENERATED_SOURCE = {"eval", "exec", "compile", "__import__"}
# Written in two halves, so that this file does not name what it forbids.
REGISTRIES = (
    "py" + "pi.org",
    "python" + "hosted",
    "registry.np" + "mjs",
    "registry.ya" + "rnpkg",
    "deb.de" + "bian.org",
)
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|tmp/\w\w)/[A-Za-z.]")


def tracked() -> Iterator[Path]:
    """Every text file of the repository; in a copy without git, every file outside the usual caches."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in path.read_bytes()[:1024]:
            yield path


def modules(*rooms: str) -> Iterator[Path]:
    for room in rooms:
        yield from (SOURCE / room).rglob("*.py")


def calls(path: Path) -> Iterator[tuple[str, bool]]:
    """The name of each call in a module, and whether it hangs on an object."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node.func.attr, True
            elif isinstance(node.func, ast.Name):
                yield node.func.id, False


def documents() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.M))


def locked(name: str) -> set[str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return set(re.findall(r"^([a-z0-9-]+)==", text, re.M))


def test_imports_run_in_one_direction_without_cycles_and_the_formats_are_pure():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-4000:]


def test_the_formats_read_no_clock_and_touch_no_file():
    found = [(path.name, call) for path in modules(*PURE_ROOMS) for call in calls(path) if call in CLOCK_AND_IO]
    assert not found


def test_no_source_is_generated_or_evaluated():
    found = [
        (path.name, name)
        for path in SOURCE.rglob("*.py")
        for name, on_object in calls(path)
        if name in GENERATED_SOURCE and not on_object
    ]
    assert not found


def test_every_module_says_what_it_is_for():
    assert not [path for path in SOURCE.rglob("*.py") if not ast.get_docstring(ast.parse(path.read_text()))]


def test_every_room_is_a_package_with_a_docstring():
    rooms = [path for path in SOURCE.iterdir() if path.is_dir() and any(path.rglob("*.py"))]
    assert rooms
    assert not [room.name for room in rooms if not (room / "__init__.py").is_file()]


def test_no_lock_names_where_a_package_is_downloaded():
    lock = json.loads((ROOT / "tests" / "node" / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert not [name for name, entry in packages.items() if "resolved" in entry]
    assert not [name for name, entry in packages.items() if "integrity" not in entry]
    for path in (ROOT / "requirements").glob("*.txt"):
        assert "://" not in path.read_text(), path.name


def test_every_locked_package_has_a_version_and_hashes():
    for path in (ROOT / "requirements").glob("*.txt"):
        blocks = re.split(r"\n(?=[a-z])", path.read_text())
        pinned = [block for block in blocks if re.match(r"[a-z0-9]", block)]
        assert pinned
        assert all(re.match(r"[a-z0-9-]+==\S+ \\\n    --hash=sha256:", block) for block in pinned), path.name


def test_locks_agree_on_the_packages_that_they_share():
    versions: dict[str, set[str]] = {}
    for path in (ROOT / "requirements").glob("*.txt"):
        for name, version in re.findall(r"^([a-z0-9-]+)==(\S+)", path.read_text(), re.M):
            versions.setdefault(name, set()).add(version)
    assert not {name: found for name, found in versions.items() if len(found) > 1}


def test_the_repository_names_no_registry_and_no_path_of_one_machine():
    found = []
    for path in tracked():
        text = path.read_text(errors="replace")
        found += [(path.name, host) for host in REGISTRIES if host in text]
        found += [(path.name, match.group()) for match in MACHINE_PATH.finditer(text)]
    assert not found


def test_every_runtime_dependency_is_explained():
    text = (ROOT / "docs" / "dependencies.md").read_text()
    named = {name.lower() for name in re.findall(r"`([A-Za-z0-9_.-]+)`", text)}
    assert not (locked("runtime") | locked("fast") | locked("lexicons") | locked("build")) - named


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_documents_name_real_things(document: Path):
    text = document.read_text()
    for target in re.findall(r"`make ([a-z-]+)", text):
        assert target in targets(), f"make {target}"
    for link in re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", text):
        assert (document.parent / link).exists(), link
    for path in re.findall(r"`((?:src|docs|tests|bench|requirements|\.ci)/[\w./-]*)`", text):
        assert (ROOT / path).exists(), path
    for module in re.findall(r"`freehold\.([a-z_]+(?:\.[a-z_]+)*)`", text):
        path = SOURCE.joinpath(*module.split("."))
        assert path.is_dir() or path.with_suffix(".py").is_file(), f"freehold.{module}"


def test_a_test_left_out_fails_in_continuous_integration(pytester_run):
    outcome = pytester_run("import pytest\n@pytest.mark.skip(reason='no such thing')\ndef test_it(): ...\n", ci=True)
    assert "1 error" in outcome.splitlines()[-1]
    assert "no such thing" in outcome


def test_a_test_left_out_elsewhere_is_named_with_what_adds_it(pytester_run):
    outcome = pytester_run(
        "import pytest\n@pytest.mark.browser\ndef test_it(): ...\n", ci=False, FREEHOLD_CHROMIUM="/no/such"
    )
    assert "1 skipped" in outcome.splitlines()[-1]
    assert re.search(r"1 test left out: Chromium is missing. To add it: \S+", outcome)


def test_absent_vectors_are_reported_and_fail_nothing(pytester_run):
    outcome = pytester_run("def test_it(vectors): ...\n", ci=True, FREEHOLD_VECTORS="/no/such")
    assert "1 skipped" in outcome.splitlines()[-1]
    assert "the official vectors are absent" in outcome


@pytest.fixture
def pytester_run(tmp_path):
    """Run pytest with this house's own conftest over one test file; answers what it printed."""

    def run(source: str, *, ci: bool, **environment: str) -> str:
        folder = tmp_path / "tests"
        folder.mkdir()
        (folder / "test_one.py").write_text(source)
        (folder / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
        (folder / "support").symlink_to(ROOT / "tests" / "support")
        (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
        given = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "CI": "true" if ci else "", **environment}
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
        done = subprocess.run(command, cwd=tmp_path, env=given, capture_output=True, text=True)
        return done.stdout.strip()

    return run
