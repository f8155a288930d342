"""Pushing to a registry (OCI distribution-spec, Push). Blocking, for threads.

A blob goes up in one request if it is small, else as a stream that is resumed where it was cut; a registry that finds
one request too big gets it in pieces. Nothing here touches the disk: a `Source` gives the bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterator
from typing import Final, Protocol
from urllib.parse import quote, urlencode, urljoin, urlsplit, urlunsplit

from engine.errors import RegistryError
from engine.registry.endpoint import TRIES, Endpoint, Refusal, own_endpoints, pause_seconds
from engine.registry.interrupt import Interrupt
from engine.registry.manifest import Document
from engine.registry.settings import RegistrySettings
from engine.registry.web import Answer, Query, Unreachable, Web
from engine.wire.images import AuthConfig

_WHOLE_BYTES: Final = 1024 * 1024
_READ_BYTES: Final = 256 * 1024
_PIECE_BYTES: Final = 16 * 1024 * 1024
_BYTES: Final = {"Content-Type": "application/octet-stream"}
# After a cut a registry may have got on further than it told: then what it has is not the blob.
_NOT_THERE: Final = 416
_BEGIN_ANEW: Final = frozenset({"BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID", "DIGEST_INVALID", "SIZE_INVALID"})

Measure = Callable[[int], None]


class Source(Protocol):
    """A blob that is pushed, readable from any offset; it may still be in the making."""

    @property
    def size_bytes(self) -> int | None:
        """Its length, None as long as nobody knows."""
        ...

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes, none at the end. May block until there are some."""
        ...

    def digest(self) -> str:
        """The digest of the whole; asked for once everything has been read."""
        ...


class BytesSource:
    """A blob in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def size_bytes(self) -> int:
        """Its length."""
        return len(self._content)

    def read_at(self, offset: int, size: int) -> bytes:
        """A part of it."""
        return self._content[offset : offset + size]

    def digest(self) -> str:
        """Its digest."""
        return "sha256:" + hashlib.sha256(self._content).hexdigest()


class RegistryWriter:
    """One registry, as one user who pushes sees it; mirrors are never written to. May be shared by threads."""

    def __init__(self, registry: str, settings: RegistrySettings, auth: AuthConfig | None, web: Web) -> None:
        self._registry = registry
        self._auth = auth
        self._endpoints = own_endpoints(registry, settings, auth, web)
        self._settled: Endpoint | None = None

    @property
    def destination(self) -> Hashable:
        """See `Writer`."""
        return self._registry, self._auth

    def settle(self, interrupt: Interrupt) -> None:
        """Find the address under which the registry answers. Call before all else. Raises `Unreachable`."""
        failures: list[str] = []
        hint: str | None = None
        for endpoint in self._endpoints:
            try:
                endpoint.web.ask(Query(f"{endpoint.url}/v2/"), interrupt).close()
            except Unreachable as exc:
                failures.append(exc.message)
                hint = hint or exc.hint
                if exc.speaks_tls:
                    break
                continue
            self._settled = endpoint
            return
        raise Unreachable(
            f"registry {self._registry} cannot be reached: {'; '.join(failures)}",
            is_lasting=True,
            hint=hint or "check the network and the name",
        )

    def has(self, repository: str, digest: str, interrupt: Interrupt) -> int | None:
        """The size of a blob that the repository has already, else None. Raises `Refusal`, `Unreachable`."""
        query = Query(f"{self._endpoint.url}/v2/{repository}/blobs/{digest}", method="HEAD")
        try:
            with self._endpoint.ask(query, _pushing(repository), interrupt) as answer:
                length = answer.header("Content-Length")
                return int(length) if length.isdecimal() else 0
        except Refusal as exc:
            if exc.http_status == 404:
                return None
            raise

    def push(
        self, repository: str, source: Source, interrupt: Interrupt, measure: Measure, *, digest: str = "",
        mount_from: str = "",
    ) -> bool:  # fmt: skip
        """Bring a blob up; with a known `digest`, first try to have it mounted from the repository `mount_from`.

        Return whether it was mounted. `measure` hears of the bytes that are there. Raises `Refusal`, `Unreachable`.
        """
        tries = 0
        while True:
            upload = _Upload(self._endpoint, repository, source, interrupt, measure)
            try:
                if upload.begin(digest, mount_from):
                    return True
                upload.send()
            except (Unreachable, Refusal) as exc:
                tries += 1
                if tries >= TRIES or not _is_passing(exc):
                    raise
                interrupt.pause(pause_seconds(tries, ""))
                if digest and self.has(repository, digest, interrupt) is not None:
                    return False  # only the answer was lost
                continue
            return False

    def put_manifest(self, repository: str, reference: str, document: Document, interrupt: Interrupt) -> None:
        """Put a manifest whose blobs are all there, by tag or digest."""
        query = Query(
            f"{self._endpoint.url}/v2/{repository}/manifests/{reference}",
            method="PUT",
            headers={"Content-Type": document.media_type},
            body=document.body,
        )
        with self._endpoint.ask(query, _pushing(repository), interrupt) as answer:
            there = answer.header("Docker-Content-Digest")
        if there and there != document.digest:
            raise RegistryError(f"{self._registry} keeps {reference} as {there}, not as {document.digest}")

    @property
    def _endpoint(self) -> Endpoint:
        assert self._settled is not None, "settle() comes first"
        return self._settled


class _Upload:
    """One attempt at a blob: begun, sent in one or more requests, and closed by its digest."""

    def __init__(
        self, endpoint: Endpoint, repository: str, source: Source, interrupt: Interrupt, measure: Measure
    ) -> None:
        self._endpoint = endpoint
        self._start = f"{endpoint.url}/v2/{repository}/blobs/uploads/"
        self._source = source
        self._interrupt = interrupt
        self._measure = measure
        self._scope = _pushing(repository)
        self._location = ""
        self._piece_bytes: int | None = None

    def begin(self, digest: str, mount_from: str) -> bool:
        """Open the upload, unless the registry can mount the blob: then nothing is left to do."""
        url, scope = self._start, self._scope
        if mount_from:
            url += "?" + urlencode({"mount": digest, "from": mount_from}, quote_via=quote, safe=":/")
            scope += f" repository:{mount_from}:pull"
        with self._endpoint.ask(Query(url, method="POST", body=b""), scope, self._interrupt) as answer:
            if answer.status == 201:
                return True
            self._follow(url, answer)
        return False

    def send(self) -> None:
        size = self._source.size_bytes
        if size is not None and size <= _WHOLE_BYTES:
            self._close(self._source.read_at(0, size))
            self._measure(size)
            return
        offset = tries = 0
        while True:
            try:
                offset = self._stream(offset)
                break
            except Refusal as exc:
                if exc.http_status != 413 or self._piece_bytes is not None:
                    raise
                self._piece_bytes = _PIECE_BYTES
            except Unreachable:
                before = offset
                offset = self._arrived()
                tries = 1 if offset > before else tries + 1
                if tries >= TRIES:
                    raise
                self._interrupt.pause(pause_seconds(tries, ""))
        self._close(b"")

    def _stream(self, offset: int) -> int:
        """Send what comes after `offset`, to the end; return where that is."""
        while True:
            sent = self._patch(offset)
            if self._piece_bytes is None or sent < self._piece_bytes:
                return offset + sent
            offset += sent

    def _patch(self, offset: int) -> int:
        sent = 0
        size = self._source.size_bytes
        headers = dict(_BYTES)
        most = self._piece_bytes
        if size is not None:
            length = min(size - offset, most) if most else size - offset
            headers["Content-Length"] = str(length)
            if offset or most:
                headers["Content-Range"] = f"{offset}-{offset + length - 1}"
            if not length:
                return 0

        def body() -> Iterator[bytes]:
            nonlocal sent
            sent = 0
            while most is None or sent < most:
                want = _READ_BYTES if most is None else min(_READ_BYTES, most - sent)
                data = self._source.read_at(offset + sent, want)
                if not data:
                    return
                self._interrupt.check()
                yield data
                sent += len(data)
                self._measure(offset + sent)

        query = Query(self._location, method="PATCH", headers=headers, body=body)
        with self._endpoint.ask(query, self._scope, self._interrupt, tries=1) as answer:
            self._follow(self._location, answer)
        return sent

    def _arrived(self) -> int:
        """How many bytes the registry has, asked after a cut. Raises `Refusal` when it has forgotten the upload."""
        with self._endpoint.ask(Query(self._location), self._scope, self._interrupt) as answer:
            _, dash, last = answer.header("Range").removeprefix("bytes=").partition("-")
            self._follow(self._location, answer)
        # `0-0` is what some send for nothing at all; that one byte is cheap to send again, so count it as none.
        return int(last) + 1 if dash and last.isdecimal() and last != "0" else 0

    def _close(self, rest: bytes) -> None:
        joint = "&" if urlsplit(self._location).query else "?"
        url = f"{self._location}{joint}{urlencode({'digest': self._source.digest()})}"
        query = Query(url, method="PUT", headers=_BYTES, body=rest)
        self._endpoint.ask(query, self._scope, self._interrupt, tries=1).close()

    def _follow(self, url: str, answer: Answer) -> None:
        """Go on where the registry says; behind a proxy it may not know that it is spoken to by https."""
        target = answer.header("Location")
        if not target:
            if not self._location:
                raise RegistryError(f"{urlsplit(url).netloc} does not say where to upload to")
            return
        here, there = urlsplit(url), urlsplit(urljoin(url, target))
        if here.scheme == "https" and there.scheme == "http":
            if here.hostname != there.hostname:
                raise RegistryError(f"{here.netloc} wants uploads sent to http:, which is not safe")
            there = there._replace(scheme="https", netloc=here.netloc)
        self._location = urlunsplit(there)


def _pushing(repository: str) -> str:
    return f"repository:{repository}:pull,push"


def _is_passing(error: Unreachable | Refusal) -> bool:
    """Whether the same blob may be tried once more; an upload that the registry has forgotten is begun anew."""
    if isinstance(error, Unreachable):
        return not error.is_lasting
    return error.is_passing or error.http_status == _NOT_THERE or error.code in _BEGIN_ANEW
