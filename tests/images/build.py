"""Making the stand-ins: a Debian tree by mmdebstrap, and overlays on it in which packages are installed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.images.layers import EPOCH, Layer, pack_files, pack_tree
from tests.images.recipes import Recipe

SUITE = "bookworm"
HERE = Path(__file__).resolve().parent
# Extra certificates of this machine: with them, apt and pip inside containers work behind a proxy that opens TLS.
HOST_CERTIFICATES = Path("/usr/local/share/ca-certificates")


class BuildError(Exception):
    """A tool that builds images failed; the message ends with what it last said."""


@dataclass(frozen=True, slots=True)
class Built:
    """An image that can be pushed: its layers, and the directories they were packed from, lowest first."""

    recipe: Recipe
    layers: tuple[Layer, ...]
    trees: tuple[Path, ...]


def content_key(recipe: Recipe, recipes: Mapping[str, Recipe]) -> str:
    """A digest of everything an image is made from; equal keys mean that there is nothing to build."""
    digest = hashlib.sha256(f"{SUITE} {recipe!r}".encode())
    sources = [*HERE.glob("*.py"), *HERE.glob("*.sh"), *(HERE / "files" / recipe.name).rglob("*")]
    for path in sorted([*sources, *HOST_CERTIFICATES.glob("*.crt")]):
        if path.is_file():
            digest.update(f"{path.name} {path.stat().st_mode & 0o777:o} ".encode() + path.read_bytes())
    if recipe.base:
        digest.update(content_key(recipes[recipe.base], recipes).encode())
    return digest.hexdigest()[:40]


class Builder:
    """Builds in a scratch directory that its user removes; one instance may build several images in threads."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._busybox = scratch / "busybox"

    def debian(self, recipe: Recipe) -> Built:
        """Make the Debian tree that every other image but the static ones stands on."""
        tree = self._scratch / "debian"
        excluded = [
            f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "info", "locale", "doc", "lintian")
        ]
        _run([
            "mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", "--format=directory",
            # The package lists stay in the tree (never in a layer): the images above install from them.
            "--skip=cleanup/apt/lists", "--include=netbase,tzdata", *excluded, SUITE, str(tree), *_debian_mirror(),
        ])  # fmt: skip
        for name in ("etc/resolv.conf", "etc/hostname", "etc/machine-id"):
            (tree / name).unlink(missing_ok=True)
            (tree / name).touch()
        certificates = tree / str(HOST_CERTIFICATES).lstrip("/")
        for path in HOST_CERTIFICATES.glob("*.crt"):
            certificates.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, certificates)
        return Built(recipe, (pack_tree(tree, self._blob("debian")),), (tree,))

    def on_base(self, recipe: Recipe, base: Built) -> Built:
        """Install an image's packages over its base, then lay its files on top."""
        upper = self._in_overlay(recipe.name, base.trees, _installation(recipe))
        layers = [*base.layers, pack_tree(upper, self._blob(recipe.name))]
        if files := _overlaid_files(recipe.name):
            layers.append(pack_files(files, {}, self._blob(f"{recipe.name}-files")))
        return Built(recipe, tuple(layers), (*base.trees, upper))

    def static(self, recipe: Recipe) -> Built:
        """Make an image of busybox and its files; `fetch_busybox` comes first."""
        files = {"bin/busybox": (0o755, self._busybox.read_bytes()), **_overlaid_files(recipe.name)}
        applets = set(_run([str(self._busybox), "--list-full"]).split()) - files.keys()
        links = dict.fromkeys(applets, "/bin/busybox") if recipe.name != "hello-world" else {}
        return Built(recipe, (pack_files(files, links, self._blob(recipe.name)),), ())

    def fetch_busybox(self, base: Built) -> None:
        """Take the static busybox out of Debian's package."""
        script = "cd /tmp; apt-get download -qq busybox-static; dpkg-deb -x busybox-static_*.deb /unpacked"
        upper = self._in_overlay("busybox-static", base.trees, script)
        shutil.copy(next((upper / "unpacked").glob("**/bin/busybox")), self._busybox)

    def _in_overlay(self, name: str, lowers: tuple[Path, ...], script: str) -> Path:
        place = self._scratch / f"overlay-{name}"
        upper, work, mountpoint = place / "upper", place / "work", place / "root"
        for directory in (upper, work, mountpoint):
            directory.mkdir(parents=True)
        (place / "script").write_text(script)
        own_namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation=private"]
        lower = ":".join(str(path) for path in reversed(lowers))
        places = [str(path) for path in (upper, work, mountpoint, place / "script")]
        _run([*own_namespaces, "sh", str(HERE / "chroot.sh"), lower, *places])
        return upper

    def _blob(self, name: str) -> Path:
        return self._scratch / f"{name}.tar.gz"


def _installation(recipe: Recipe) -> str:
    install = f"apt-get install -qq --yes --no-install-recommends {' '.join(recipe.packages)}"
    return "\n".join([recipe.prepare, install, recipe.script])


def _overlaid_files(name: str) -> dict[str, tuple[int, bytes]]:
    root = HERE / "files" / name
    return {
        str(path.relative_to(root)): (0o755 if path.stat().st_mode & 0o100 else 0o644, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def _debian_mirror() -> list[str]:
    """The mirror that this machine's apt uses for Debian itself, or none (then mmdebstrap's default serves)."""
    wanted = ["Origin: Debian", "Label: Debian", "Component: main", "Created-By: Packages"]
    return _run(["apt-get", "indextargets", "--format", "$(REPO_URI)", *wanted]).split()[:1]


def _run(command: list[str]) -> str:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": str(EPOCH)}
    environment.update((name, os.environ[name]) for name in ("http_proxy", "https_proxy") if name in os.environ)
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        last_words = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise BuildError(f"{command[0]} failed with exit code {done.returncode}:\n{last_words}")
    return done.stdout
