"""A project's files as they are published: side by side in one directory, whatever directories they came from.

The Compose files stay as they were written, comments and variables included. Only the names of the files that services
extend and of their env files are replaced, by names made of a digest of the path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from compose.errors import ComposeError, Location, UsageError
from compose.load.text.files import STDIN, clean_join, document_text
from compose.load.text.pyyaml import yaml
from compose.load.text.template import substitute
from compose.model.project import Project
from compose.model.remotes import is_remote_file

Read = Callable[[str], bytes]


class Bundle(Struct, frozen=True):
    """The contents of files by name: the Compose files in order, those that are extended, and the env files.

    `with_env_files` are the services that name env files, whether these are there or not.
    """

    files: tuple[tuple[str, bytes], ...]
    extended: Mapping[str, bytes]
    env_files: Mapping[str, bytes]
    with_env_files: tuple[str, ...]


class _Mention(Struct, frozen=True):
    """A file's name in a text: from character `start` to `end`; `name` is its new one, `path` where the file is."""

    start: int
    end: int
    path: str
    name: str
    is_extended: bool


def bundle(project: Project, read: Read) -> Bundle:
    """Read the files of a project and all that they mention. Raises `ComposeError`, also for an `include` of a file.

    Env files that are not there are left out, as those may be that nobody requires.
    """
    packer = _Packer(project.environment, read)
    for file in project.compose_files:
        if file == STDIN:
            raise UsageError(
                "a Compose file from standard input has no name to be published by", hint="write it to a file"
            )
    files = tuple((Path(file).name, packer.file(file, project.working_dir)) for file in project.compose_files)
    packer.follow()
    return Bundle(files, packer.extended, packer.env_files, tuple(packer.with_env_files))


class _Packer(Struct):
    """Collects what the files mention; a file is read once."""

    environment: Mapping[str, str]
    read: Read
    extended: dict[str, bytes] = {}
    env_files: dict[str, bytes] = {}
    with_env_files: dict[str, None] = {}
    _to_follow: dict[str, str] = {}

    def file(self, path: str, directory: str) -> bytes:
        """The text of a Compose file with the names in it replaced; they are relative to the directory."""
        try:
            content = self.read(path)
        except OSError as exc:
            raise ComposeError(f"cannot read {path}: {exc.strerror}") from exc
        text = document_text(content)
        found = {
            mention.start: mention for mention in self._mentions(text, path, directory)
        }  # aliases bring some twice
        for _, mention in sorted(found.items(), reverse=True):
            if mention.is_extended:
                self._to_follow[mention.path] = mention.name
            else:
                self._take(mention)
            text = text[: mention.start] + mention.name + text[mention.end :]
        return text.encode() if found else content

    def follow(self) -> None:
        """Read the files that are extended, those that these extend, and so on."""
        while new := {path: name for path, name in self._to_follow.items() if name not in self.extended}:
            for path, name in new.items():
                self.extended[name] = self.file(path, str(Path(path).parent))

    def _take(self, mention: _Mention) -> None:
        if mention.name not in self.env_files:
            try:
                self.env_files[mention.name] = self.read(mention.path)
            except FileNotFoundError:
                return

    def _mentions(self, text: str, file: str, directory: str) -> Iterator[_Mention]:
        # Documents without a mapping at the top did not pass the load.
        for root in _documents(text, file):
            _refuse_local_includes(_entry(root, "include"), file)
            for name, service in _entries(_entry(root, "services")):
                if _entry(service, "env_file") is not None:
                    self.with_env_files[name] = None
                yield from self._of_service(service, directory)

    def _of_service(self, service: yaml.Node, directory: str) -> Iterator[_Mention]:
        extended = _entry(_entry(service, "extends"), "file")
        for node, suffix in [(extended, ".yaml"), *((node, ".env") for node in _env_files(service))]:
            if not isinstance(node, yaml.ScalarNode):
                continue
            name = substitute(node.value, self.environment.get, lambda _: None)
            if suffix == ".yaml" and is_remote_file(name):
                continue
            path = clean_join(directory, name)
            new_name = hashlib.sha256(path.encode()).hexdigest() + suffix
            yield _Mention(node.start_mark.index, node.end_mark.index, path, new_name, suffix == ".yaml")


def _documents(text: str, file: str) -> list[yaml.Node]:
    """The documents with the places of their nodes' ends, which the loader's own reading does not know."""
    try:
        return list(yaml.compose_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.YAMLError as exc:
        # Where PyYAML is stricter than the loader, which keeps anchors from one document to the next, for example.
        raise ComposeError(f"{file} cannot be published: {exc}", hint="write it in a simpler way") from exc


def _env_files(service: yaml.Node) -> Iterator[yaml.Node | None]:
    """The names in the three forms of `env_file`: a name, a list of names, a list of mappings with a `path`."""
    value = _entry(service, "env_file")
    entries = value.value if isinstance(value, yaml.SequenceNode) else [value]
    for entry in entries:
        yield _entry(entry, "path") if isinstance(entry, yaml.MappingNode) else entry


def _refuse_local_includes(include: yaml.Node | None, file: str) -> None:
    entries = include.value if isinstance(include, yaml.SequenceNode) else []
    for entry in entries:
        path = _entry(entry, "path") if isinstance(entry, yaml.MappingNode) else entry
        for node in path.value if isinstance(path, yaml.SequenceNode) else [path]:
            if isinstance(node, yaml.ScalarNode) and not is_remote_file(node.value):
                mark = node.start_mark
                raise UsageError(
                    "cannot publish a Compose file that includes local ones",
                    hint="publish the included project by itself and include it as oci://…, or use several -f",
                    where=Location(file, mark.line + 1, mark.column + 1),
                )


def _entry(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """The value under a key of a mapping, also of one that is merged into it."""
    if not isinstance(node, yaml.MappingNode):
        return None
    merged: list[yaml.Node] = []
    entries: list[tuple[yaml.Node, yaml.Node]] = node.value
    for name, value in entries:
        if name.value == key:
            return value
        if name.value == "<<":
            merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
    return next((found for other in merged if (found := _entry(other, key)) is not None), None)


def _entries(node: yaml.Node | None) -> list[tuple[str, yaml.Node]]:
    return [(str(key.value), value) for key, value in node.value] if isinstance(node, yaml.MappingNode) else []
