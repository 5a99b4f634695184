"""An archive in a bucket that speaks S3, by the library obstore.

Whether the bucket keeps versions (or locks objects, which needs versions) is found by trying: it then names the version
of what was put. So no right is needed but those to put, get, list and delete.
Sources: https://developmentseed.org/obstore/, https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import S3Store

from freehold.haven.archive.stores import REGION, Address, NoObject, OutOfReach

ANSWER_SECONDS = 120
CONNECT_SECONDS = 10
TRY_SECONDS = 30
DELETED_AT_ONCE = 1_000
NO_VERSION = (None, "", "null")


class Bucket:
    """See `Store`."""

    def __init__(self, address: Address) -> None:
        options = dict(address.options)
        endpoint = options.get("endpoint")
        self._address = address
        self._store = S3Store(
            address.where,
            prefix=address.prefix or None,
            endpoint=endpoint,
            region=options.get("region", REGION),
            access_key_id=address.user,
            secret_access_key=address.secret,
            virtual_hosted_style_request=endpoint is None,
            client_options={
                "allow_http": bool(endpoint and endpoint.startswith("http://")),
                "timeout": timedelta(seconds=ANSWER_SECONDS),
                "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            },
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=TRY_SECONDS)},
        )

    def put(self, name: str, data: bytes) -> None:
        """See `Store`."""
        with self._reached():
            obstore.put(self._store, name, data, use_multipart=False)

    def put_new(self, name: str, data: bytes) -> bool:
        """See `Store`."""
        with self._reached():
            try:
                obstore.put(self._store, name, data, use_multipart=False, mode="create")
            except AlreadyExistsError:
                return False
        return True

    def get(self, name: str) -> bytes:
        """See `Store`."""
        with self._reached():
            try:
                return bytes(obstore.get(self._store, name).bytes())
            except (NotFoundError, FileNotFoundError):
                raise NoObject(f"The archive lacks {name}.") from None

    def entries(self, folder: str) -> Iterator[tuple[str, int]]:
        """See `Store`."""
        with self._reached():
            for page in obstore.list(self._store, folder or None):
                for meta in page:
                    yield meta["path"], meta["size"]

    def delete(self, names: Sequence[str]) -> None:
        """See `Store`."""
        with self._reached():
            for at in range(0, len(names), DELETED_AT_ONCE):
                try:
                    obstore.delete(self._store, list(names[at : at + DELETED_AT_ONCE]))
                except (NotFoundError, FileNotFoundError):
                    continue

    def sweep(self) -> None:
        """An object is there whole or not at all."""

    def keeps_deleted(self) -> bool:
        """See `Store`."""
        name = f"probe-{os.urandom(8).hex()}"
        with self._reached():
            version = obstore.put(self._store, name, b"probe", use_multipart=False)["version"]
            obstore.delete(self._store, name)
        return version not in NO_VERSION

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """What the library raises becomes OutOfReach. Its words may be long: the first line is enough."""
        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            first = next(iter(str(error).splitlines()), repr(error))
            raise OutOfReach(f"The archive at {self._address} is out of reach: {first}", because=repr(error)) from error
