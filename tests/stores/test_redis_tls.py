"""Redis over TLS, with certificates of an authority of our own, and with a user and password."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sojourn.blocking import drive
from sojourn.stores import open_store
from sojourn.stores.protocol import Store
from sojourn.testing import make_session
from tests.servers import free_port
from tests.servers.redis import Redis

pytestmark = pytest.mark.servers

USER, PASSWORD = "sojourn", "p@ss:wort/ü"


class Authority:
    """Issues certificates into *folder*: `<name>.pem` and `<name>.key`; its own is `<its name>.pem`."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = self._write(name, self._key, self._signed(self._subject, self._key, authority=True))

    def issue(self, name: str, *hosts: str) -> tuple[Path, Path]:
        """The files of a new certificate, for the addresses *hosts*, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return self._write(name, key, self._signed(subject, key, *hosts)), self._folder / f"{name}.key"

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *hosts: str, authority: bool = False
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if hosts:
            names = [x509.IPAddress(ip_address(host)) for host in hosts]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> Path:
        path = self._folder / f"{name}.pem"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (self._folder / f"{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return path


class Secured:
    """A server that speaks TLS with those alone who have a certificate of its authority, and a password."""

    def __init__(self, folder: Path) -> None:
        authority, other = Authority(folder, "authority"), Authority(folder, "another")
        self.port = free_port()
        self.authority, self.another = authority.file, other.file
        certificate, key = authority.issue("server", "127.0.0.1")
        self.client, self.client_key = authority.issue("client")
        self.settings = (
            *("--tls-port", str(self.port), "--tls-ca-cert-file", str(authority.file)),
            *("--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
        )

    def url(self, *, host: str = "127.0.0.1", password: str = PASSWORD, **parameters: str) -> str:
        files = {"ssl_ca_certs": self.authority, "ssl_certfile": self.client, "ssl_keyfile": self.client_key}
        query = {name: str(file) for name, file in files.items()} | parameters
        who = f"{USER}:{quote(password, safe='')}"
        return f"rediss://{who}@{host}:{self.port}/0?{urlencode({k: v for k, v in query.items() if v})}"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    made = Secured(tmp_path_factory.mktemp("tls"))
    with Redis.started(*made.settings) as server:
        assert server.ask("ACL", "SETUSER", USER, "on", f">{PASSWORD}", "~*", "&*", "+@all") == b"OK"
        yield made


def kept(url: str) -> None:
    """Both faces write, and read what the other one wrote."""
    one, other = make_session(), make_session()

    async def suspending(store: Store) -> None:
        assert (await store.insert(one)).done
        await store.close()

    asyncio.run(suspending(open_store(url)))
    blocking = open_store(url).blocking()
    assert drive(blocking.get(one.id)) == one
    assert drive(blocking.insert(other)).done
    drive(blocking.close())

    async def reading(store: Store) -> None:
        assert await store.get(other.id) == other
        await store.close()

    asyncio.run(reading(open_store(url)))


def refused(url: str) -> tuple[BaseException, ...]:
    """How both faces say that they cannot reach the store: as a fault of theirs."""
    store = open_store(url)
    blocking = store.blocking()
    with pytest.raises(store.faults) as one:
        drive(blocking.get(make_session().id))

    async def suspending() -> None:
        try:
            await store.get(make_session().id)
        finally:
            await store.close()

    with pytest.raises(store.faults) as other:
        asyncio.run(suspending())
    return one.value, other.value


def test_both_faces_speak_tls(secured):
    kept(secured.url())


def test_a_server_of_another_authority_is_refused(secured):
    for error in refused(secured.url(ssl_ca_certs=str(secured.another))):
        assert "certificate verify failed" in str(error)


def test_a_certificate_for_another_host_is_refused_unless_told_otherwise(secured):
    for error in refused(secured.url(host="localhost")):
        assert "certificate" in str(error)
    kept(secured.url(host="localhost", ssl_check_hostname="0"))


def test_a_server_that_wants_a_certificate_refuses_who_has_none(secured):
    refused(secured.url(ssl_certfile="", ssl_keyfile=""))


def test_a_wrong_password_is_a_fault_that_does_not_show_it(secured):
    for error in refused(secured.url(password="wrong-secret")):
        assert "wrong-secret" not in f"{error!r} {error}"
        assert "WRONGPASS" in str(error)


def test_tls_spoken_in_the_clear_is_a_fault(secured):
    refused(secured.url().replace("rediss:", "redis:").partition("?")[0])
