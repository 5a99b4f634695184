"""The whole of an edge's configuration, for HAProxy 2.4 or newer (Debian 11 and later have it).

In come a domain and an `Edge`; out comes the text of haproxy.cfg. The edge reads the name in a visitor's first message
and passes the bytes on, whoever's they are to read: it has no certificate, no key, no password, and no log, since
addresses of readers are not to be kept. To the origin it says whose connection it is (PROXY protocol, version 2).
Source: https://docs.haproxy.org/2.6/configuration.html
"""

from collections.abc import Sequence

from freehold.haven.edges.edges import Edge

OF_A_NETWORK = 1_000, 1_000
OF_A_SUBSCRIBER = 200, 400
"""Connections open together, and begun within ten seconds: of one IPv4 address, behind which a school, or a thousand
customers of a provider, may be, with six for each browser; and of one /64 of IPv6, which one of them has to himself.
Who comes first of those that an edge lets through, the network knows better: it has their tickets and sessions."""
MOST = 8_000
"""Connections of the edge at a time, each with two sockets; many machines allow 20,000. More edges take more."""
REMEMBERED = 200_000
"""Addresses that are counted, for a minute: about 40 MB when it is full."""

_GENERAL = """\
# The edge “{name}” of {domain}, written by `freehold edge`. It passes TLS on by name and cannot read it: there is no
# key and no password in here. What must stay secret is where the origins are.
global
    maxconn {most}
    user haproxy
    group haproxy

defaults
    mode tcp
    timeout connect 4s
    timeout client 100s
    timeout server 100s
    timeout client-fin 5s
    timeout server-fin 5s
    timeout tunnel 120s
    timeout queue 5s
    timeout check 3s
    retries 2
    option redispatch
    option clitcpka
    option srvtcpka

# What one address of IPv4, which many may share, or one /64 of IPv6, which one has to himself, may do on both ports.
backend visitors
    stick-table type ipv6 size {remembered} expire 60s store conn_cur,conn_rate(10s)
"""

_LIMITS = """\
    tcp-request connection track-sc0 src,ipmask(32,64) table visitors
    acl shared src 0.0.0.0/0
    tcp-request connection reject if shared {{ sc0_conn_cur(visitors) gt {network[0]} }}
    tcp-request connection reject if shared {{ sc0_conn_rate(visitors) gt {network[1]} }}
    tcp-request connection reject if !shared {{ sc0_conn_cur(visitors) gt {subscriber[0]} }}
    tcp-request connection reject if !shared {{ sc0_conn_rate(visitors) gt {subscriber[1]} }}
"""

_NAMES = """
frontend names
{binds}
{limits}    tcp-request inspect-delay 5s
    acl begins req.ssl_hello_type 1
    acl ours req.ssl_sni -i {names}
    acl ours req.ssl_sni -i -m end {under}
    tcp-request content reject if begins !ours
    tcp-request content accept if begins
    tcp-request content reject if WAIT_END
    default_backend origins

# Asked twice a second as a visitor would ask, and what is silent again at once, for members are to read within two
# seconds of a loss: an origin that is not the network any more says 503, and one that is spare does not answer until
# the first one is gone. Connections to an origin that is down are cut, so that visitors come anew.
backend origins
    option httpchk
    http-check send meth GET uri /xrpc/_health ver HTTP/1.1 hdr host {domain} hdr connection close
    http-check expect status 200
    default-server inter 500ms fastinter 200ms fall 2 rise 1 send-proxy-v2 check-send-proxy
    default-server check-ssl check-sni {domain} verify none
    default-server on-marked-down shutdown-sessions
{origins}
"""

_PLAIN = """
frontend plain
    mode http
    timeout http-request 5s
    timeout http-keep-alive 5s
{binds}
{limits}    acl ours hdr(host),field(1,:) -i {names}
    acl ours hdr(host),field(1,:) -i -m end {under}
    http-request deny deny_status 421 unless ours
    http-request redirect code 308 location https://%[req.hdr(host),field(1,:)]%[pathq]{unless}
"""

_UNLESS = """ unless { path_beg /.well-known/acme-challenge/ }
    default_backend proofs"""

_PROOFS_BACKEND = """
backend proofs
    mode http
    timeout server 10s
    default-server inter 1s fall 2 rise 1 send-proxy-v2 check-send-proxy
{origins}
"""


def configuration(names: Sequence[str], edge: Edge) -> str:
    """haproxy.cfg. names: the network's domains, that which it lives under first; all names below them are passed."""
    words = {
        "name": edge.name,
        "domain": names[0],
        "names": " ".join(names),
        "under": " ".join(f".{name}" for name in names),
        "limits": _LIMITS.format(network=OF_A_NETWORK, subscriber=OF_A_SUBSCRIBER),
        "most": MOST,
        "remembered": REMEMBERED,
        "unless": _UNLESS if edge.http01 else "",
    }
    parts = [
        _GENERAL.format(**words),
        _NAMES.format(**words, binds=_binds(edge, 443), origins=_servers(edge.origins)),
        _PLAIN.format(**words, binds=_binds(edge, 80)),
    ]
    if edge.http01:
        at_80 = tuple(f"{origin.rpartition(':')[0]}:80" for origin in edge.origins)
        parts.append(_PROOFS_BACKEND.format(origins=_servers(at_80)))
    return "".join(parts)


def _binds(edge: Edge, port: int) -> str:
    """One line for each address; an IPv6 one does not take IPv4's connections, which are counted by their own form."""
    return "\n".join(f"    bind {each}:{port}" + (" v6only" if ":" in each else "") for each in edge.listen)


def _servers(origins: tuple[str, ...]) -> str:
    """The first one serves while it answers, then the next. If it returns it must have been well four times in a row,
    for most of a second; an old primary says that it is not before it has asked whether it still is one."""
    first = " rise 4" if len(origins) > 1 else ""
    return "\n".join(
        f"    server origin{number} {origin} check" + (" backup" if number > 1 else first)
        for number, origin in enumerate(origins, 1)
    )
