"""Pictures drawn by program for the demo's community: portraits, emblems and scenes, as real JPEG and PNG files.

In comes a `Sketch` (what to draw and a seed), out come a file's bytes and its alternative text; the same sketch gives
the same picture. The drawings are SVG in the making and become pixels in libvips, which is imported on first use only.
"""

from collections.abc import Callable
from typing import NamedTuple

from freehold.cli.demo import indoors, outdoors
from freehold.cli.demo.canvas import Canvas, Mood, dice
from freehold.cli.demo.faces import Look, emblem, portrait

ALL_DAY = ("dawn", "day", "dusk", "night")
BRIGHT = ("dawn", "day", "dusk")
YEAR = ("spring", "summer", "autumn", "winter")
_PORTRAIT_PIXELS = 480


class Scene(NamedTuple):
    """One motif: how it is drawn, its size in pixels, what is seen, in which light and seasons it is told apart."""

    draw: Callable[[Canvas], None]
    width: int
    height: int
    alt: str
    hours: tuple[str, ...] = ("day",)
    seasons: tuple[str, ...] = ("autumn",)


SCENES: dict[str, Scene] = {
    "market": Scene(
        outdoors.market, 1200, 900, "Market stalls with striped awnings before gabled houses", BRIGHT, YEAR
    ),
    "bridge": Scene(outdoors.bridge, 1200, 800, "A stone bridge with five arches over the river", ALL_DAY, YEAR),
    "square": Scene(outdoors.square, 1000, 1000, "The square from above, people around a fountain", BRIGHT, YEAR[:3]),
    "facade": Scene(outdoors.facade, 1000, 1000, "Nine windows with shutters and flower boxes", BRIGHT, ("summer",)),
    "town": Scene(outdoors.town, 1200, 800, "The roofs and the clock tower of the town before the hills", BRIGHT, YEAR),
    "tram": Scene(outdoors.tram, 1200, 900, "A tram with lit windows in front of tall houses", ("dusk", "night"), YEAR),
    "harbour": Scene(outdoors.harbour, 1200, 800, "Sailing boats on still water before low hills", BRIGHT, ("summer",)),
    "rowing": Scene(outdoors.rowing, 1000, 1000, "A rowing boat from above, oars out to both sides"),
    "umbrellas": Scene(outdoors.umbrellas, 1000, 1000, "Open umbrellas in many colours seen from above in the rain"),
    "avenue": Scene(outdoors.avenue, 960, 1200, "A path between two rows of old lime trees", BRIGHT, YEAR),
    "pitch": Scene(outdoors.pitch, 1200, 900, "The pitch from above with players in red and in white"),
    "bicycle": Scene(outdoors.bicycle, 1200, 900, "A bicycle with a basket of flowers against a brick wall", BRIGHT),
    "mountain": Scene(outdoors.mountain, 1200, 900, "Snowy peaks above a valley with fir trees", BRIGHT, YEAR),
    "garden": Scene(
        outdoors.garden, 1200, 900, "Four beds of vegetables, a shed and somebody at work", ("day",), YEAR[:3]
    ),
    "canal": Scene(
        outdoors.canal, 1200, 900, "A canal boat with flowers on its roof before a row of houses", BRIGHT, YEAR
    ),
    "ducks": Scene(outdoors.ducks, 1000, 1000, "Ducks in a line on green water", BRIGHT),
    "beach": Scene(
        outdoors.beach, 1200, 900, "Striped bathing cabins on a beach with a few people", BRIGHT, ("summer",)
    ),
    "wheel": Scene(outdoors.wheel, 1000, 1000, "A ferris wheel with lit cabins over small tents", ("dusk", "night")),
    "alley": Scene(
        outdoors.alley, 960, 1200, "A narrow lane with lanterns and one person walking", ("dusk", "night"), YEAR
    ),
    "snowman": Scene(
        outdoors.snowman, 1000, 1000, "A snowman with a hat and a scarf between firs", BRIGHT, ("winter",)
    ),
    "kites": Scene(
        outdoors.kites, 1200, 900, "Kites high over a meadow, people holding their strings", BRIGHT, YEAR[:3]
    ),
    "fields": Scene(outdoors.fields, 1200, 900, "A path through furrowed fields towards the hills", BRIGHT, YEAR),
    "balloons": Scene(outdoors.balloons, 1000, 1000, "Striped hot-air balloons over blue hills", BRIGHT, YEAR[:3]),
    "bread": Scene(indoors.bread, 1000, 1000, "A loaf with a dark crust on a board, lemons beside it"),
    "bowl": Scene(indoors.bowl, 1000, 1000, "A bowl full of fruit on a wooden table"),
    "soup": Scene(indoors.soup, 1200, 900, "Two plates of steaming soup and a spoon"),
    "kitchen": Scene(indoors.kitchen, 1200, 900, "Two pots steaming on a stove, jars on a shelf above them"),
    "cake": Scene(indoors.cake, 1000, 1000, "A cake with cherries and burning candles"),
    "coffee": Scene(indoors.coffee, 1000, 1000, "A cup of coffee from above with a heart in the foam"),
    "jars": Scene(indoors.jars, 1200, 900, "Two rows of jam jars in different colours"),
    "cat": Scene(indoors.cat, 1000, 1000, "A cat sitting on the windowsill, looking straight at us", BRIGHT, YEAR),
    "dog": Scene(indoors.dog, 1000, 1000, "A dog with long ears sitting on a cushion"),
    "knitting": Scene(indoors.knitting, 1000, 1000, "A piece of knitting on a needle and three balls of wool"),
    "books": Scene(indoors.books, 1000, 1000, "A stack of books with a cup standing on top"),
    "library": Scene(indoors.library, 1000, 1000, "Five full shelves of old books"),
    "choir": Scene(indoors.choir, 1200, 900, "The choir in four rows, singing before the organ pipes"),
    "score": Scene(indoors.score, 1000, 1000, "Sheet music with one bar circled in red and a pencil"),
    "crowd": Scene(indoors.crowd, 1000, 1000, "A stand full of supporters under falling confetti"),
    "piano": Scene(indoors.piano, 1200, 900, "Piano keys and two pages of music"),
    "chess": Scene(indoors.chess, 1000, 1000, "A chess board from above in the middle of a game"),
    "stage": Scene(indoors.stage, 1200, 900, "Actors in the light of a small stage, seen from the back row"),
    "violin": Scene(indoors.violin, 1000, 1000, "A violin and its bow lying on cloth"),
    "repair": Scene(indoors.repair, 1200, 900, "An old radio on a workbench between tools and screws"),
    "screen": Scene(indoors.screen, 1200, 900, "A cinema screen seen over the rows of seats"),
}


class Drawing(NamedTuple):
    """A finished picture file."""

    data: bytes
    mime: str
    width: int
    height: int
    alt: str


class Sketch(NamedTuple):
    """What to draw: a scene's name, `emblem:name`, or `portrait` with a look; and the seed that fixes the details."""

    motif: str
    seed: str
    season: str | None = None
    look: Look | None = None

    @property
    def mood(self) -> Mood:
        """The light and the season of this very picture."""
        scene = SCENES.get(self.motif)
        rng = dice(self.seed, self.motif, "mood")
        hour = rng.choice(scene.hours if scene else ("day",))
        seasons = scene.seasons if scene else ("summer",)
        return Mood(hour, self.season if self.season in seasons else rng.choice(seasons))

    @property
    def alt(self) -> str:
        """What is seen, in words. Portraits and emblems have none: the name stands beside them."""
        scene = SCENES.get(self.motif)
        if scene is None:
            return ""
        return f"{scene.alt}, {self.mood.words}." if len(scene.hours) > 1 else f"{scene.alt}."

    def svg(self) -> str:
        """The drawing as an SVG document."""
        rng = dice(self.seed, self.motif)
        scene = SCENES.get(self.motif)
        if scene:
            canvas = Canvas(scene.width, scene.height, rng, self.mood)
            scene.draw(canvas)
            return canvas.svg()
        canvas = Canvas(160, 160, rng, self.mood)
        if self.look:
            portrait(canvas, self.look)
        else:
            emblem(canvas, self.motif.removeprefix("emblem:"))
        return canvas.svg(_PORTRAIT_PIXELS)

    def draw(self) -> Drawing:
        """The drawing as a file: scenes and portraits JPEG, emblems PNG."""
        import pyvips

        image = pyvips.Image.svgload_buffer(self.svg().encode()).flatten(background=255)
        if self.motif.startswith("emblem:"):
            return Drawing(image.pngsave_buffer(compression=6, keep="none"), "image/png", image.width, image.height, "")
        data = image.jpegsave_buffer(Q=84, keep="none")
        return Drawing(data, "image/jpeg", image.width, image.height, self.alt)
