"""Certificates ordered at a real authority: which names get one, what happens when it refuses or is gone."""

import asyncio
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from freehold.store.database import Database
from freehold.store.sealed import Seal
from freehold.tls import kept
from freehold.tls.certificates import DAY, FIRST_PAUSE, Certificates
from tls.conftest import DOMAIN, Office

pytestmark = pytest.mark.pebble
MEI = f"mei.{DOMAIN}"


def names_in(office: Office, name: str) -> list[str]:
    """The names in the certificate that is kept under `name`."""
    with office.truth.reading() as tx:
        found = kept.certificate(tx, Seal(office.key), name)
    assert found is not None
    leaf = x509.load_pem_x509_certificate(found.chain)
    return leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)


def hook(office: Office, body: str) -> str:
    program = office.folder / "hook"
    program.write_text(f"#!/bin/sh\nset -eu\nfile={office.zone.texts}\n{body}\n")
    program.chmod(0o755)
    return str(program)


SETS = """
case $1 in
    set) echo "$2 $3" >> "$file" ;;
    clear) grep -v -F -x "$2 $3" "$file" > "$file.new" || true; mv "$file.new" "$file" ;;
esac"""


async def test_a_member_s_handle_gets_a_certificate_when_it_is_first_asked_for_and_a_strange_name_never(
    office: Office,
) -> None:
    certificates = office.certificates()
    async with office.answering(certificates):
        first, second = await asyncio.gather(certificates.context_for(MEI), certificates.context_for(MEI))
        assert first is second is not None
        assert await certificates.context_for(f"nobody.{DOMAIN}") is None
        assert await certificates.context_for("elsewhere.example") is None
    assert office.authority.orders() == 1
    assert names_in(office, MEI) == [MEI]
    assert certificates.files._answers == {}


async def test_a_kept_certificate_and_account_serve_after_a_restart_without_asking_anybody(office: Office) -> None:
    first = office.certificates()
    async with office.answering(first):
        assert await first.context_for(DOMAIN) is not None
    office.authority.stop()
    assert isinstance(await office.certificates().context_for(DOMAIN), ssl.SSLContext)


async def test_keys_lie_sealed_on_the_disk(office: Office) -> None:
    certificates = office.certificates()
    async with office.answering(certificates):
        await certificates.context_for(DOMAIN)
    with office.truth.reading() as tx:
        found = kept.certificate(tx, Seal(office.key), DOMAIN)
        known = kept.account(tx, Seal(office.key), office.authority.directory)
    assert found is not None
    assert known is not None
    office.truth.close()
    for path in office.folder.iterdir():
        if path.is_file():
            assert found.key[36:68] not in path.read_bytes()
            assert known.key[36:68] not in path.read_bytes()


async def test_a_name_that_does_not_lead_here_is_refused_and_not_asked_for_again_before_its_time(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.zone.addresses.clear()
    certificates = office.certificates()
    async with office.answering(certificates):
        assert await certificates.context_for(DOMAIN) is None
        assert "could not see that the name is ours" in caplog.text
        assert await certificates.context_for(DOMAIN) is None
        assert office.authority.orders() == 1
        office.zone.addresses[DOMAIN] = "127.0.0.1"
        office.ahead = FIRST_PAUSE + 1_000_000
        assert await certificates.context_for(DOMAIN) is not None
    assert office.failure() is None


async def test_each_failure_makes_the_pause_longer(office: Office) -> None:
    certificates = office.certificates(directory="https://127.0.0.1:1/dir")
    pauses = []
    for _ in range(9):
        assert await certificates.context_for(DOMAIN) is None
        failed = office.failure()
        assert failed is not None
        pauses.append(failed.next_at - office.clock())
        office.ahead += pauses[-1] + 1_000_000
    assert [round(pause / FIRST_PAUSE) for pause in pauses] == [1, 2, 4, 8, 16, 32, 64, 96, 96]


async def test_the_old_certificate_serves_while_the_authority_is_gone_and_the_log_raises_the_alarm(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    certificates = office.certificates()
    async with office.answering(certificates):
        before = await certificates.context_for(DOMAIN)
    office.authority.stop()
    office.ahead = 85 * DAY
    await certificates.renew_due()
    certificates._watch()
    assert await certificates.context_for(DOMAIN) is before
    assert f"the certificate of {DOMAIN} ends in 5.0 days: The authority cannot be reached" in caplog.text
    left = certificates.days_left()
    assert left is not None
    assert 4.9 < left < 5


async def test_a_certificate_is_renewed_at_two_thirds_of_its_life_and_an_unknown_account_made_anew(
    office: Office,
) -> None:
    certificates = office.certificates()
    async with office.answering(certificates):
        before = await certificates.context_for(DOMAIN)
        office.ahead = 59 * DAY
        await certificates.renew_due()
        assert await certificates.context_for(DOMAIN) is before
        await office.truth.write(lambda tx: tx.run("UPDATE acme_account SET uri = uri || '0'"))
        office.ahead = 61 * DAY
        await certificates.renew_due()
        assert await certificates.context_for(DOMAIN) not in (before, None)


async def test_nobody_renews_what_nobody_has_any_more(office: Office) -> None:
    certificates = office.certificates()
    async with office.answering(certificates):
        assert await certificates.context_for(MEI) is not None
    office.names.discard(MEI)
    await certificates.renew_due()
    assert certificates.days_left() is None


async def test_members_first_certificates_are_limited_by_the_week_and_the_domain_s_is_not(office: Office) -> None:
    names = [f"m{number}.{DOMAIN}" for number in range(3)]
    office.names |= set(names)
    certificates = office.certificates(names_per_week=2)
    async with office.answering(certificates):
        had = [await certificates.context_for(name) for name in names]
        assert [context is not None for context in had] == [True, True, False]
        assert await certificates.context_for(DOMAIN) is not None
        office.ahead = 8 * DAY
        assert await certificates.context_for(names[2]) is not None


async def test_a_hook_proves_the_wildcard_and_cleans_up(office: Office) -> None:
    certificates = office.certificates(hook(office, SETS))
    for name in (DOMAIN, MEI):
        assert await certificates.context_for(name) is not None
    assert office.authority.orders() == 1
    assert sorted(names_in(office, f"*.{DOMAIN}")) == [f"*.{DOMAIN}", DOMAIN]
    assert office.zone.texts is not None
    assert office.zone.texts.read_text() == ""


async def test_by_a_hook_a_former_and_a_spare_domain_have_certificates_of_their_own(office: Office) -> None:
    others = ("old.example", f"spare.{DOMAIN}")
    office.names |= {*others, "mei.old.example"}
    certificates = office.certificates(hook(office, SETS), others=others)
    for name in (MEI, *others, "mei.old.example"):
        assert await certificates.context_for(name) is not None
    assert office.authority.orders() == 3
    for domain in (DOMAIN, *others):
        assert sorted(names_in(office, f"*.{domain}")) == [f"*.{domain}", domain]
    given_up = office.certificates(hook(office, SETS), others=others[1:])
    await given_up.renew_due()
    with office.truth.reading() as tx:
        assert sorted(name for name, *_ in kept.terms(tx)) == [f"*.spare.{DOMAIN}", f"*.{DOMAIN}"]


async def test_where_nothing_may_be_written_what_is_kept_is_shown_and_nothing_is_ordered(office: Office) -> None:
    certificates = office.certificates()
    async with office.answering(certificates):
        assert await certificates.context_for(DOMAIN) is not None
    with Database(office.folder / "truth.db", kept.SCHEMA, durable=True, read_only=True) as copy:
        office.truth, before = copy, office.truth
        reading = office.certificates(orders=False)
        assert await reading.context_for(DOMAIN) is not None
        assert await reading.context_for(MEI) is None
        office.truth = before
    assert office.authority.orders() == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("echo no such zone >&2; exit 3", "acme_hook could not set a record (exit code 3): no such zone"),
        ("exec sleep 60", "acme_hook took longer than 1 seconds to set a record"),
        ("", "dns: No TXT records found"),
    ],
    ids=["refuses", "hangs", "does nothing"],
)
async def test_a_hook_that_fails_is_named(office: Office, body: str, said: str) -> None:
    certificates: Certificates = office.certificates(hook(office, body))
    certificates._proofs._seconds = 1  # type: ignore[union-attr]
    assert await certificates.context_for(DOMAIN) is None
    failed = office.failure(f"*.{DOMAIN}")
    assert failed is not None
    assert said in failed.said or "unauthorized" in failed.said


async def test_a_hook_that_is_not_there_is_named(office: Office, tmp_path: Path) -> None:
    certificates = office.certificates(str(tmp_path / "nothing"))
    assert await certificates.context_for(DOMAIN) is None
    failed = office.failure(f"*.{DOMAIN}")
    assert failed is not None
    assert failed.said == "acme_hook could not be started: No such file or directory."
