"""An authority of a test's own, and certificates that it has signed."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs for 127.0.0.1 and localhost. Everything is in one directory, by Docker's names."""

    directory: Path

    @classmethod
    def make(cls, directory: Path) -> Authority:
        """Make one in an empty directory."""
        directory.mkdir(parents=True)
        subject = ("-subj", "/CN=authority", "-keyout", "ca-key.pem", "-out", "ca.pem")
        _openssl(directory, "req", "-x509", *_NEW_KEY, *subject)
        return cls(directory)

    def sign(self, name: str) -> Path:
        """Make `name/{ca,cert,key}.pem`, good for servers and clients, and give the directory."""
        home = self.directory / name
        home.mkdir()
        (home / "extensions").write_text(
            "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n"
        )
        _openssl(home, "req", *_NEW_KEY, "-subj", f"/CN={name}", "-keyout", "key.pem", "-out", "request.pem")
        _openssl(
            home, "x509", "-req", "-in", "request.pem", "-CA", "../ca.pem", "-CAkey", "../ca-key.pem",
            "-CAcreateserial", "-days", "2", "-extfile", "extensions", "-out", "cert.pem",
        )  # fmt: skip
        (home / "ca.pem").write_bytes((self.directory / "ca.pem").read_bytes())
        return home


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


def _openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)
