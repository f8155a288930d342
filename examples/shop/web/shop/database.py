"""Just enough of PostgreSQL's protocol for a query: https://www.postgresql.org/docs/16/protocol.html

A real application would use psycopg; this one is meant to run on a plain Python image.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import socket
import struct
from collections.abc import Iterator

PROTOCOL = 196608  # version 3.0


class Connection:
    """A connection to a PostgreSQL server. Everything here raises `OSError`."""

    def __init__(self, host: str, user: str, name: str, password: str) -> None:
        self._link = socket.create_connection((host, 5432), timeout=5)
        self._incoming = self._link.makefile("rb")
        try:
            self._log_in(user, name, password)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        self._incoming.close()
        self._link.close()

    def query(self, sql: str) -> list[list[str]]:
        """Run one statement and return its rows as text (null is the empty string)."""
        self._send(b"Q", sql.encode() + b"\0")
        rows = []
        for kind, body in self._messages():
            if kind == b"D":
                rows.append(_fields(body))
            elif kind == b"Z":
                break
        return rows

    def _log_in(self, user: str, name: str, password: str) -> None:
        """Introduce ourselves and prove that we know the password (SCRAM-SHA-256, RFC 5802)."""
        settings = f"user\0{user}\0database\0{name}\0\0".encode()
        self._link.sendall(struct.pack("!ii", 8 + len(settings), PROTOCOL) + settings)
        proof = _Proof(password)
        for kind, body in self._messages():
            if kind == b"Z":
                return
            if kind != b"R":
                continue
            (step,) = struct.unpack("!i", body[:4])
            if step == 10:
                first = proof.first_message()
                self._send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first)
            elif step == 11:
                self._send(b"p", proof.final_message(body[4:]))
            elif step == 12:
                proof.check_server(body[4:])
            elif step != 0:
                raise OSError(f"database: authentication method {step} is not supported")

    def _send(self, kind: bytes, body: bytes) -> None:
        self._link.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def _messages(self) -> Iterator[tuple[bytes, bytes]]:
        while header := self._incoming.read(5):
            kind, length = struct.unpack("!ci", header)
            body = self._incoming.read(length - 4)
            if kind == b"E":
                fields = {field[:1]: field[1:].decode() for field in body.split(b"\0") if field}
                raise OSError(f"database: {fields[b'M']}")
            yield kind, body
        raise OSError("database: the connection was closed")


class _Proof:
    """The client's side of SCRAM-SHA-256 without channel binding."""

    def __init__(self, password: str) -> None:
        self._password = password.encode()
        self._bare = f"n=,r={secrets.token_urlsafe(18)}".encode()
        self._server_signature = b""

    def first_message(self) -> bytes:
        return b"n,," + self._bare

    def final_message(self, challenge: bytes) -> bytes:
        wanted = dict(part.split(b"=", 1) for part in challenge.split(b","))
        salted = hashlib.pbkdf2_hmac("sha256", self._password, base64.b64decode(wanted[b"s"]), int(wanted[b"i"]))
        without_proof = b"c=biws,r=" + wanted[b"r"]
        transcript = b",".join([self._bare, challenge, without_proof])
        client_key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha256(client_key).digest(), transcript)
        self._server_signature = _hmac(_hmac(salted, b"Server Key"), transcript)
        proof = bytes(left ^ right for left, right in zip(client_key, signature, strict=True))
        return without_proof + b",p=" + base64.b64encode(proof)

    def check_server(self, answer: bytes) -> None:
        if not hmac.compare_digest(base64.b64decode(answer.removeprefix(b"v=")), self._server_signature):
            raise OSError("database: the server does not know the password either")


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _fields(body: bytes) -> list[str]:
    fields, position = [], 2
    while position < len(body):
        (length,) = struct.unpack_from("!i", body, position)
        position += 4
        fields.append(body[position : position + max(length, 0)].decode())
        position += max(length, 0)
    return fields
