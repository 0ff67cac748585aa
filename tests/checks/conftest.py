"""Fixtures: certificates, of an authority of the tests' own."""

import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Make = Callable[..., ssl.SSLContext]


@pytest.fixture
def certificate(tmp_path: Path) -> Iterator[Make]:
    """Make a certificate by openssl, signed by an authority of its own, for so many days."""
    folder = tmp_path / "ca"
    folder.mkdir()

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    make_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    extensions = "basicConstraints=critical,CA:true", "keyUsage=critical,keyCertSign"
    added = [word for extension in extensions for word in ("-addext", extension)]
    openssl("req", "-x509", *make_key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Ours", *added)

    def make(days: int, name: str = "localhost") -> ssl.SSLContext:
        openssl("req", *make_key, "-keyout", "key.pem", "-out", "asked.pem", "-subj", f"/CN={name}")
        (folder / "ext").write_text(f"subjectAltName=DNS:{name}\n")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", str(days), "-extfile", "ext")
        openssl("x509", "-req", "-in", "asked.pem", "-out", "cert.pem", *signed)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        return context

    yield make
