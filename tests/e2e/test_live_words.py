"""What a live drill says, refuses and takes in which order, before anything is done: edges, stores, services."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from freehold.cli.drill.command import _edge
from freehold.cli.drill.live import announced, shield
from freehold.cli.drill.live.assured import NotNow
from freehold.cli.drill.live.away import IN_STEP, Stand, stands
from freehold.cli.drill.live.cutting import Target
from freehold.cli.drill.live.edge import EdgeMachine
from freehold.cli.drill.live.services import listed, why
from freehold.cli.drill.live.shield import NoOtherWay, Shield
from freehold.cli.drill.live.station import Station, where
from freehold.cli.drill.live.takings import NOT_TAKEN, Live, chosen
from freehold.cli.drill.live.way_home import WayHome
from freehold.cli.drill.live.words import Service
from freehold.cli.drill.member import Ways
from freehold.cli.drill.world import PASSPHRASE
from freehold.haven.edges.push import Far
from freehold.protocol.refused import InvalidRequest
from support.command import freehold
from support.live import MARK
from support.network import CHEAP, running
from support.patience import until

EDGE = EdgeMachine("west", Far("root@edge.example", 22))
STORE = Service(kind="archive", name="away", host="s3.example", port=443, addresses=("45.0.0.1",))
MAIL = Service(kind="mail", name="mail.example", host="mail.example", port=465, addresses=("45.0.0.2",))
FOLDER = Service(kind="archive", name="near", host="-", port=0)


class Well(BaseHTTPRequestHandler):
    """Says that it is well, and nothing to the test's output."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def well_at(address: str, port: int = 0) -> Iterator[int]:
    """Somebody who answers there; at which port."""
    server = ThreadingHTTPServer((address, port), Well)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def ways(port: int) -> Ways:
    async def look_up(host: str, port: int) -> list[str]:
        raise AssertionError("the addresses were looked up before")

    return Ways(f"http://town.example:{port}", look_up)


async def other_way(ways: Ways, own: str, *others: str) -> Shield:
    return await shield._with_another_way(Shield(EDGE, (own,) if own else (), others), ways)


async def test_an_edge_is_only_taken_where_the_name_leads_to_it_and_somebody_answers_elsewhere() -> None:
    with well_at("127.0.0.2") as port, well_at("127.0.0.3", port):
        here = ways(port)
        taken = await other_way(here, "127.0.0.2", "127.0.0.3", "127.0.0.4")
        assert (taken.own, taken.others) == (("127.0.0.2",), ("127.0.0.3",))
        for own, others, say in (
            ("", ("127.0.0.3",), "does not lead to west from here, but to 127.0.0.3"),
            ("127.0.0.2", (), "By IPv4 town.example leads to west alone"),
            ("127.0.0.2", ("::1",), "By IPv4 town.example leads to west alone"),
            ("127.0.0.2", ("127.0.0.4",), "Nobody answers at 127.0.0.4 in its place"),
            ("127.0.0.4", ("127.0.0.3",), "west does not answer from here"),
        ):
            with pytest.raises(NoOtherWay, match=f"{say}.* Nothing was done"):
                await other_way(here, own, *others)


async def test_an_edge_that_came_back_too_soon_is_no_taking() -> None:
    with well_at("127.0.0.2") as port:
        with pytest.raises(shield.Broken, match="answers although HAProxy of west was stopped"):
            await shield._assure_gone(Shield(EDGE, ("127.0.0.2",), ()), ways(port))
        await shield._assure_gone(Shield(EDGE, ("127.0.0.4",), ()), ways(port))


def test_an_edge_is_named_with_its_machine() -> None:
    assert _edge("west=ssh://root@edge.example:2222") == ("west", Far("root@edge.example", 2222))
    for text in ("west", "=ssh://root@edge.example", "west=edge.example", "west=ssh://root@edge.example/srv"):
        with pytest.raises(InvalidRequest):
            _edge(text)


def live(town: Path, *services: Service, shields: tuple[Shield, ...] = ()) -> Live:
    """As it is after a look around. Nobody is at its machines."""
    station = Station.__new__(Station)
    station.where = where(str(town))
    made = Live(WayHome(station, station, MARK, print), ways(1), True, False, None, shields)
    return made.with_services(services)


def test_what_is_in_front_and_outside_goes_before_the_machine_and_all_of_it_is_said_beforehand(tmp_path: Path) -> None:
    one = Shield(EDGE, ("45.0.0.7",), ("45.0.0.8",))
    made = live(tmp_path, STORE, MAIL, FOLDER.staying("it is a folder"), shields=(one,))
    names = [taking.name for taking in chosen(made, [])]
    assert names == ["doors", "shield", "store", "services", "machine", "returned", "home"]
    assert [taking.name for taking in chosen(made, ["services", "shield"])] == ["shield", "services"]
    said = "\n".join(announced.beginning("town.example", made, set(names), 4))
    for words in (
        "HAProxy of the edge west (root@edge.example) is stopped",
        "Whoever is connected by 45.0.0.7 is cut off, and comes anew by 45.0.0.8",
        "the archive store away at s3.example:443",
        "the mail server mail.example at mail.example:465",
        "is killed without notice",
        "lead town.example to the second one yourself",
    ):
        assert words in said, words
    assert made.stays == ("the archive store near: it is a folder",)
    less = "\n".join(announced.beginning("town.example", made, {"store"}, 4))
    assert "HAProxy" not in less
    assert "killed" not in less
    assert not any("edge" in each or "services outside" in each for each in NOT_TAKEN)


def test_what_cannot_be_taken_is_refused_with_the_reason_if_it_was_asked_for(tmp_path: Path) -> None:
    made = live(tmp_path, FOLDER.staying("it is a folder of this machine"))
    assert [taking.name for taking in chosen(made, [])] == ["doors", "machine", "returned", "home"]
    with pytest.raises(NotNow, match=r"Nothing was done\.\n    the archive store near: it is a folder of this machine"):
        chosen(made, ["store"])
    for name in ("shield", "services"):
        with pytest.raises(NotNow):
            chosen(made, [name])
    with pytest.raises(InvalidRequest, match="is not in a live drill"):
        chosen(made, ["flood"])


@pytest.mark.parametrize(
    ("service", "say"),
    [
        (STORE, ""),
        (FOLDER, "it is a folder of this machine"),
        (Service(kind="mail", name="m", host="localhost", port=25, addresses=("127.0.0.1",)), "on this machine itself"),
        (Service(kind="relay", name="r", host="r.invalid", port=443), "its name leads nowhere"),
        (Service(kind="appview", name="a", host="a.example", port=443, addresses=("45.0.0.3",)), "no timelines"),
        (Service(kind="host", name="h", host="h.example", port=7100, addresses=("45.0.0.9",)), "the standby second is"),
        (Service(kind="host", name="h", host="h.example", port=443, addresses=("45.0.0.9",)), ""),
    ],
)
def test_what_the_network_goes_on_by_is_never_cut_nor_what_no_rule_takes_away(service: Service, say: str) -> None:
    standby = Service(kind="standby", name="second", host="second.example", port=7100, addresses=("45.0.0.9",))
    found = why(service, {Target("45.0.0.9", 7100): standby})
    assert say in found
    assert bool(found) == bool(say)


async def test_a_running_network_names_what_it_calls_and_an_archive_that_it_does_not_reach(tmp_path: Path) -> None:
    town, store = tmp_path / "town", tmp_path / "store"
    town.mkdir()
    (town / "settings.toml").write_text(f"{CHEAP}archive_every_seconds = 1\n")
    with running(town):
        words = ("add", f"file://{store}", "--name", "near")
        added = freehold("archive", town, *words, given=f"{PASSPHRASE}\n{PASSPHRASE}\n")
        assert added.code == 0, added.err
        assert listed(town) == [FOLDER]
        await until(lambda: stood(town).state == IN_STEP)
        store.rename(tmp_path / "lost")
        store.touch()
        assert freehold("account", town, "invite").code == 0
        await until(lambda: "near is out of reach: what is written waits here" in freehold("readiness", town).out)
        assert stood(town).state != IN_STEP
        store.unlink()
        (tmp_path / "lost").rename(store)
        await until(lambda: stood(town).state == IN_STEP)
        assert "out of reach" not in freehold("readiness", town).out


def stood(town: Path) -> Stand:
    return stands(freehold("archive", town, "list").out, ["near"])["near"]


def test_how_archives_stand_is_read_from_what_the_command_says() -> None:
    text = "near      file:///x\n    in step\n    holds all until never; 0 bytes"
    assert stands(text, ["near"]) == {"near": Stand(IN_STEP, 0.0)}
    text = "a b       s3://x\n    in step\n    holds all until 1970-01-01T00:01:00.000Z (2 days ago); 1 KB"
    assert stands(text, ["a", "a b"])["a b"] == Stand(IN_STEP, 60.0)
