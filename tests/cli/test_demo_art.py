"""Pictures drawn by program are real files, told apart by their seed."""

import subprocess
import sys

import pytest
import pyvips

from freehold.cli.demo.art import SCENES, Sketch
from freehold.cli.demo.faces import EMBLEMS, EXTRAS, STYLES, Look
from freehold.pds.pictures.cut import clean
from freehold.pds.pictures.sniff import sniff


@pytest.mark.parametrize("motif", SCENES)
def test_each_scene_is_drawn_the_same_from_the_same_seed(motif) -> None:
    one = Sketch(motif, "one")
    assert one.svg() == Sketch(motif, "one").svg()
    assert one.svg() != Sketch(motif, "two").svg()
    assert "nan" not in one.svg()
    assert len(one.alt) > 20


@pytest.mark.parametrize("motif", ["market", "cat", "emblem:shield"])
def test_a_drawing_is_a_real_file_without_metadata(motif) -> None:
    drawing = Sketch(motif, "seed").draw()
    image = pyvips.Image.new_from_buffer(drawing.data, "")
    assert sniff(drawing.data) == drawing.mime
    assert (image.width, image.height) == (drawing.width, drawing.height)
    assert clean(drawing.data) is drawing.data
    assert image.deviate() > 10


def test_every_face_and_emblem_is_different() -> None:
    faces = {Sketch("portrait", "x", look=Look(s, e, 2, 3)).svg() for s in STYLES for e in EXTRAS}
    assert len(faces) == len(STYLES) * len(EXTRAS)
    assert len({Sketch(f"emblem:{name}", "x").svg() for name in EMBLEMS}) == len(EMBLEMS)


def test_the_season_is_followed_where_the_scene_has_it() -> None:
    assert Sketch("avenue", "x", "winter").alt.endswith("in winter.")
    assert Sketch("beach", "x", "winter").alt.endswith("in summer.")


def test_a_description_needs_no_drawing() -> None:
    code = (
        "from freehold.cli.demo.art import Sketch; import sys; Sketch('tram', 's').alt; print('pyvips' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"False\n"
