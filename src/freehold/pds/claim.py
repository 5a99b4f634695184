"""Claiming a new network: whoever can read the terminal of the machine is its owner.

A code of three words is made at every start while the network has no owner, printed there, and kept in memory only.
Ten wrong guesses make it void; the next start prints another.
"""

import hmac
import secrets

from freehold.protocol.refused import Refused

MAX_WRONG = 10

WORDS = (
    "acorn amber anchor apple apron arrow attic autumn badge bagel bakery balcony banjo barley barn basil basket"
    " beacon beaver bell bench berry bicycle birch biscuit blanket blossom bonnet bottle bramble branch brass"
    " bread breeze brick bridge brook broom bucket butter button cabin cactus camel candle canoe canvas carpet"
    " carrot castle cedar cellar chalk cherry chess chestnut chimney cider cinema circus clay cliff clock cloud"
    " clover coast cobalt cocoa comet compass copper coral cotton cradle crane crater cricket crystal cupboard"
    " curtain daisy dancer dawn delta desert diamond dolphin donkey dragon drum dune eagle easel echo elbow ember"
    " engine estuary falcon feather fern ferry fiddle field finch fjord flame flute forest fossil fountain fox"
    " fridge frost galaxy garden garlic gate ginger glacier goose granite grape gravel grove guitar hammer harbour"
    " harp harvest hazel heather hedge helmet heron hill hollow honey horizon hornet hotel iris island ivory"
    " jacket jasmine jelly jewel jigsaw jungle juniper kettle kitchen kite ladder lagoon lake lamp lantern larch"
    " lark laurel lava lavender lemon library lichen lily linen lizard lobster lotus lynx magnet magpie mango"
    " maple marble market marsh meadow melon mirror mitten moon moss motor mountain mustard napkin needle nest"
    " nettle north nutmeg oak oasis oat ocean olive onion opal orbit orchard otter owl paddle palace panda paper"
    " parrot pasture peach pear pebble pencil pepper piano pigeon pillow pine planet plum pocket pond poppy"
    " prairie puddle pumpkin quarry quill rabbit radish raft rain raven reef ribbon river robin rocket rose rudder"
    " saddle saffron sail salmon sand sandal scarf school shell shore signal silver sky slate sledge snow sparrow"
    " spice spring square squirrel stable star stone storm straw stream sugar summer sunset swallow swan table"
    " teapot temple thistle thunder ticket tiger timber tower train trumpet tulip tunnel turnip umbrella valley"
    " vase velvet village violet violin wagon walnut water wave wheat wheel whistle willow window winter wood wool"
    " yarrow zebra"
).split()


class WrongCode(Refused):
    """The words typed are not those on the terminal."""

    kind = "forbidden"
    name = "WrongClaimCode"
    say = "That is not the code. It stands in the terminal where Freehold was started."


class Claim:
    """The one-time code of a network without an owner."""

    def __init__(self) -> None:
        self._code: str | None = "-".join(secrets.choice(WORDS) for _ in range(3))
        self._wrong = 0

    @property
    def code(self) -> str | None:
        """The code to print; None once it is used or void."""
        return self._code

    def check(self, given: str) -> None:
        """Raises WrongCode; after ten of those the code is void."""
        asked = "-".join(given.lower().replace("-", " ").split())
        if self._code is None or not hmac.compare_digest(asked.encode(), self._code.encode()):
            self._wrong += 1
            if self._wrong >= MAX_WRONG:
                self._code = None
                raise WrongCode("Too many wrong codes. Start Freehold again; it prints a new one.")
            raise WrongCode

    def use(self) -> None:
        """The network has its owner."""
        self._code = None
