"""One letter handed to the operator's mail server.

In comes where the server is, as a URL; nothing is sent without TLS unless the server is this machine itself.
Source: RFC 5321, RFC 3207
"""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from freehold.net.errors import UpstreamFailed
from freehold.net.guard import LOOPBACK
from freehold.protocol.refused import Refused

SECONDS = 30.0
_PORTS = {"smtp": 587, "smtps": 465}


class BadMailServer(Refused):
    """Not the URL of a mail server."""

    say = "A mail server is written smtp://name:password@host:587 or smtps://name:password@host:465."


class MailFailed(UpstreamFailed):
    """The mail server did not take the letter."""

    name = "MailFailed"
    say = "The mail server did not take the letter."


class Letter(NamedTuple):
    """A letter in plain text."""

    to: str
    subject: str
    text: str


class MailServer(NamedTuple):
    """Where letters go. tls: from the first byte; else it is asked for (STARTTLS), save on this machine itself."""

    host: str
    port: int
    tls: bool
    user: str
    password: str

    @classmethod
    def at(cls, url: str) -> "MailServer":
        """Raises BadMailServer."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise BadMailServer from None
        if parts.scheme not in _PORTS or not host or parts.path not in ("", "/") or parts.query:
            raise BadMailServer
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(host, port or _PORTS[parts.scheme], parts.scheme == "smtps", user, password)

    def send(self, letter: Letter, sender: str) -> None:
        """Hand a letter over; blocks. Raises MailFailed."""
        try:
            with self._connect() as server:
                server.send_message(_message(letter, sender))
        except (smtplib.SMTPException, OSError) as wrong:
            raise MailFailed(host=self.host, reason=type(wrong).__name__) from None

    def _connect(self) -> smtplib.SMTP:
        if self.tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=SECONDS, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=SECONDS)
            if self.host not in LOOPBACK:
                server.starttls(context=ssl.create_default_context())
        if self.user:
            server.login(self.user, self.password)
        return server


def _message(letter: Letter, sender: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, letter.to, letter.subject
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=sender.rpartition("@")[2].strip(" >"))
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    return message
