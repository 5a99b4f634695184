"""The words of `edge`."""

from pathlib import Path

from freehold.cli.words.parts import Commands, act


def edge(commands: Commands) -> None:
    edge = act(
        commands,
        "edge",
        "put throw-away machines before the network, which pass TLS on unread",
        "An edge is a small machine anywhere with HAProxy. Visitors come to it by the network's name; it passes their\n"
        "connections on by the name in the first message, and has no key to read them with. Any number of them come\n"
        "and go while the network runs. With edges_only in settings.toml nobody else is spoken to.",
    )
    acts = edge.add_subparsers(dest="act", required=True, metavar="ACT", title="acts")
    acts.add_parser("list", help="the edges, and how many connections each has passed on since the start")
    make = acts.add_parser("make", help="let a machine be an edge, or change it; prints its haproxy.cfg")
    make.add_argument("name", metavar="NAME", help="what to call it: letters, digits, hyphens")
    make.add_argument("--address", action="append", required=True, help="from which it reaches the origin; repeatable")
    make.add_argument(
        "--origin",
        action="append",
        required=True,
        metavar="ADDRESS:PORT",
        help="where the network is; then, repeated, where it will be when a standby is promoted",
    )
    make.add_argument("--listen", action="append", metavar="ADDRESS", help="its own addresses; default: all")
    make.add_argument("--http-01", action="store_true", help="pass on the certificate authority's questions, port 80")
    show = acts.add_parser("show", help="print its haproxy.cfg once more")
    show.add_argument("name", metavar="NAME", help="as `list` calls it")
    for each in (make, show):
        each.add_argument("--to", type=Path, metavar="FILE", help="write the haproxy.cfg there")
    remove = acts.add_parser("remove", help="believe it no more, from now on")
    remove.add_argument("name", metavar="NAME", help="as `list` calls it")
    push = acts.add_parser("push", help="install HAProxy with that configuration over there, or bring it up to date")
    push.add_argument("name", metavar="NAME", help="as `list` calls it")
    push.add_argument("address", metavar="ssh://USER@HOST[:PORT]", help="a Debian machine; root, or with sudo")
    tunnel = acts.add_parser("tunnel", help="make both ends of a WireGuard tunnel, by which the network calls an edge")
    tunnel.add_argument("name", metavar="NAME", help="what to call it: 8 letters, digits, hyphens at most")
    tunnel.add_argument("address", metavar="ADDRESS[:PORT]", help="the edge's, in the world (UDP; default: 51820)")
    tunnel.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where the two files are written")
    for here in (push, tunnel):
        here.set_defaults(acts=False)
    caa = acts.add_parser("caa", help="print the DNS records by which no edge gets a certificate for the name")
    watch = acts.add_parser("certificates", help="others' certificates for the network's names, as the logs know them")
    watch.add_argument("--ours", metavar="ID", help="that one is known to you: no alarm for it")
    caa.add_argument("--issuer", metavar="NAME", help="the authority's own name; default: Let's Encrypt's")
