"""A certificate authority that speaks ACME, as seen by one account: register, order, ask when to renew.

Everything here blocks and is called in a thread. certbot's own library does the protocol; it is loaded with the first
order. The connection trusts the system's authorities and Mozilla's, so that an authority of one's own works as well.
Sources: https://www.rfc-editor.org/rfc/rfc8555, https://www.rfc-editor.org/rfc/rfc9773 (when to renew)
"""

from datetime import datetime, timedelta
from typing import Any

import requests
from acme import errors, messages
from acme.client import ClientNetwork, ClientV2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from josepy.errors import DeserializationError
from josepy.jwa import ES256
from josepy.jwk import JWKEC
from josepy.util import ComparableECKey
from requests.adapters import HTTPAdapter

from freehold import __version__
from freehold.net.transport import trusted
from freehold.protocol.refused import Refused
from freehold.tls.proofs import Proofs

REQUEST_SECONDS = 20
ORDER_SECONDS = 90
PROBLEM_PREFIX = "urn:ietf:params:acme:error:"


class OrderFailed(Refused):
    """The authority gave no certificate. limited: it is asked too often, so the next try must wait long."""

    kind, name = "upstream", "CertificateRefused"

    def __init__(self, say: str, *, limited: bool = False) -> None:
        super().__init__(say)
        self.limited = limited


class AccountUnknown(Refused):
    """The authority does not know our account (any more)."""

    kind, name = "upstream", "AccountUnknown"
    say = "The certificate authority does not know this network's account."


class _Trusting(HTTPAdapter):
    """Connections under the trust that the whole process has."""

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **more, ssl_context=trusted())


class Authority:
    """One account at one authority. key: its private key (P-256). uri: its name there, "" before `register`."""

    def __init__(self, directory: str, key: ec.EllipticCurvePrivateKey, uri: str = "") -> None:
        jwk = JWKEC(key=ComparableECKey(key))
        agent = f"Freehold/{__version__}"
        self._net = ClientNetwork(jwk, alg=ES256, user_agent=agent, timeout=REQUEST_SECONDS)
        self._net.session.mount("https://", _Trusting())
        self._jwk, self._directory = jwk, directory
        if uri:
            self._net.account = messages.RegistrationResource(body=messages.Registration(), uri=uri)

    def register(self, contact: str) -> str:
        """Make the account, agreeing to the authority's terms; its uri. Raises OrderFailed."""
        new = messages.NewRegistration.from_data(email=contact or None, terms_of_service_agreed=True)
        try:
            return str(self._client().new_account(new).uri)
        except errors.ConflictError as known:
            self._net.account = messages.RegistrationResource(body=messages.Registration(), uri=known.location)
            return str(known.location)
        except Exception as wrong:
            raise _told(wrong) from wrong

    def order(self, names: list[str], key: ec.EllipticCurvePrivateKey, proofs: Proofs) -> bytes:
        """A certificate for `names` and `key`, as a PEM chain. Raises OrderFailed, AccountUnknown, HookFailed."""
        shown: list[tuple[str, str, str]] = []
        try:
            client = self._client()
            placed = client.new_order(_request(names, key))
            answers = [self._show(each, proofs, shown) for each in placed.authorizations]
            for challenge, response in filter(None, answers):
                client.answer_challenge(challenge, response)
            until = datetime.now() + timedelta(seconds=ORDER_SECONDS)  # noqa: DTZ005 - as the library counts
            return str(client.poll_and_finalize(placed, until).fullchain_pem).encode()
        except Refused:
            raise
        except Exception as wrong:
            raise _told(wrong) from wrong
        finally:
            for name, token, value in shown:
                proofs.hide(name, token, value)

    def renew_at(self, chain: bytes) -> int | None:
        """When the authority wants the certificate renewed, in micros; None if it says nothing. Raises OrderFailed."""
        try:
            time, _ = self._client().renewal_time(chain)
        except errors.ARIError:
            return None
        except Exception as wrong:
            raise _told(wrong) from wrong
        return round(time.timestamp() * 1_000_000) if time else None

    def _client(self) -> ClientV2:
        return ClientV2(ClientV2.get_directory(self._directory, self._net), self._net)

    def _show(self, authorization: Any, proofs: Proofs, shown: list[tuple[str, str, str]]) -> Any:
        """Show what one name's challenge wants; the challenge and our answer, None if the name is proven already."""
        body = authorization.body
        if body.status == messages.STATUS_VALID:
            return None
        challenge = next((each for each in body.challenges if each.chall.typ == proofs.kind), None)
        if challenge is None:
            raise OrderFailed(f"The authority takes no proof by {proofs.kind} for {body.identifier.value}.")
        response, value = challenge.response_and_validation(self._jwk)
        proof = (body.identifier.value, challenge.chall.encode("token"), value)
        shown.append(proof)
        proofs.show(*proof)
        return challenge, response


def _request(names: list[str], key: ec.EllipticCurvePrivateKey) -> bytes:
    """A certificate signing request, PEM."""
    wanted = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(wanted, critical=False)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def _told(wrong: Exception) -> Refused:
    """What went wrong, as one sentence. A bug of ours is raised as it is."""
    if isinstance(wrong, messages.Error):
        if wrong.code == "accountDoesNotExist":
            return AccountUnknown()
        return OrderFailed(f"The authority says: {_problem(wrong)}", limited=wrong.code == "rateLimited")
    if isinstance(wrong, errors.ValidationError):
        found = [
            f"{each.body.identifier.value}: {_problem(challenge.error)}"
            for each in wrong.failed_authzrs
            for challenge in each.body.challenges
            if challenge.error is not None
        ]
        return OrderFailed(f"The authority could not see that the name is ours. {' '.join(found)}")
    if isinstance(wrong, errors.TimeoutError):
        return OrderFailed(f"The authority did not come to an end within {ORDER_SECONDS} seconds.")
    if isinstance(wrong, (requests.RequestException, errors.Error, OSError, DeserializationError)):
        return OrderFailed(f"The authority cannot be reached, or answers nonsense: {type(wrong).__name__}.")
    raise wrong


def _problem(said: messages.Error) -> str:
    return f"{said.typ.removeprefix(PROBLEM_PREFIX)}: {said.detail}"
