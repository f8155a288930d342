"""The stand-in images as data: what they are made of, and the configuration that ordinary compose files rely on.

They copy the habits of the official images (environment, entrypoint, volumes, ports, stop signal), not their versions:
behind every tag of `postgres` is Debian's PostgreSQL. `files/<name>/` is laid over an image as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One image. With `base` it stands on another one; without, it is the Debian tree itself or a static busybox.

    `prepare` and `script` are shell, run in the image before and after its packages are installed. Under `zstd_tags`
    the same files are found in layers of the newer compression.
    """

    name: str
    tags: tuple[str, ...]
    config: Mapping[str, Any]
    base: str = ""
    prepare: str = ""
    packages: tuple[str, ...] = ()
    script: str = ""
    static: bool = False
    environment: tuple[str, ...] = ()
    zstd_tags: tuple[str, ...] = ()

    @property
    def full_config(self) -> dict[str, Any]:
        """The `config` object of the image configuration (OCI image-spec, config.md)."""
        return {"Env": [PATH, *self.environment], **self.config}


def _each(versions: Iterable[str], suffixes: Iterable[str] = ("",)) -> tuple[str, ...]:
    return tuple(f"{version}{suffix}" for version in versions for suffix in suffixes)


_PYTHON = """
rm -f /usr/lib/python3*/EXTERNALLY-MANAGED
for name in python python3; do ln -sf /usr/bin/python3 /usr/local/bin/$name; done
for name in pip pip3; do ln -sf /usr/bin/pip3 /usr/local/bin/$name; done
"""

_REDIS = """
install -d -o redis -g redis /data
for program in /usr/bin/redis-*; do ln -s "$program" /usr/local/bin/; done
"""

_NGINX = """
rm -rf /etc/nginx/sites-* /etc/nginx/modules-enabled /var/www
mkdir -p /docker-entrypoint.d /etc/nginx/conf.d /usr/share/nginx/html
ln -sf /dev/stdout /var/log/nginx/access.log
ln -sf /dev/stderr /var/log/nginx/error.log
useradd --system --uid 101 --home-dir /nonexistent --shell /bin/false nginx
"""

_NO_CLUSTER = """
mkdir -p /etc/postgresql-common
echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
"""

_POSTGRES = """
rm -rf /var/lib/postgresql /etc/postgresql
install -d -o postgres -g postgres -m 700 /var/lib/postgresql/data
install -d -o postgres -g postgres -m 3777 /var/run/postgresql
mkdir /docker-entrypoint-initdb.d
for program in /usr/lib/postgresql/*/bin/*; do ln -sf "$program" /usr/local/bin/; done
for sample in /usr/share/postgresql/*/postgresql.conf.sample; do echo "listen_addresses = '*'" >>"$sample"; done
"""

RECIPES: tuple[Recipe, ...] = (
    Recipe(
        name="debian",
        tags=("latest", "stable", "stable-slim", "12", "12-slim", "bookworm", "bookworm-slim"),
        config={"Cmd": ["bash"]},
        zstd_tags=("bookworm-slim-zstd",),
    ),
    Recipe(
        name="busybox",
        tags=("latest", "stable", "1", "1.36", "1.37", "musl", "glibc"),
        config={"Cmd": ["sh"]},
        static=True,
    ),
    Recipe(
        name="alpine",
        tags=("latest", "3", "edge", *_each(("3.18", "3.19", "3.20", "3.21", "3.22"))),
        config={"Cmd": ["/bin/sh"]},
        static=True,
    ),
    Recipe(
        name="hello-world",
        tags=("latest", "linux"),
        config={"Cmd": ["/hello"]},
        static=True,
    ),
    Recipe(
        name="python",
        tags=(
            "latest",
            "slim",
            "alpine",
            *_each(("3", "3.11", "3.12", "3.13", "3.14"), ("", "-slim", "-slim-bookworm", "-bookworm", "-alpine")),
        ),
        config={"Cmd": ["python3"]},
        base="debian",
        packages=("ca-certificates", "python3", "python3-pip", "python3-venv"),
        script=_PYTHON,
        environment=("LANG=C.UTF-8",),
    ),
    Recipe(
        name="redis",
        tags=("latest", "alpine", *_each(("6", "6.2", "7", "7.2", "7.4", "8"), ("", "-alpine", "-bookworm"))),
        config={
            "Entrypoint": ["docker-entrypoint.sh"],
            "Cmd": ["redis-server"],
            "ExposedPorts": {"6379/tcp": {}},
            "Volumes": {"/data": {}},
            "WorkingDir": "/data",
        },
        base="debian",
        packages=("redis-server",),
        script=_REDIS,
    ),
    Recipe(
        name="nginx",
        tags=("latest", *_each(("1", "1.25", "1.26", "1.27", "1.28", "stable", "mainline"), ("", "-alpine")), "alpine"),
        config={
            "Entrypoint": ["/docker-entrypoint.sh"],
            "Cmd": ["nginx", "-g", "daemon off;"],
            "ExposedPorts": {"80/tcp": {}},
            "StopSignal": "SIGQUIT",
        },
        base="debian",
        packages=("nginx-light", "gettext-base", "curl"),
        script=_NGINX,
    ),
    Recipe(
        name="postgres",
        tags=("latest", "alpine", *_each(("13", "14", "15", "16", "17", "18"), ("", "-alpine", "-bookworm"))),
        config={
            "Entrypoint": ["docker-entrypoint.sh"],
            "Cmd": ["postgres"],
            "ExposedPorts": {"5432/tcp": {}},
            "Volumes": {"/var/lib/postgresql/data": {}},
            "StopSignal": "SIGINT",
        },
        base="debian",
        prepare=_NO_CLUSTER,
        packages=("postgresql",),
        script=_POSTGRES,
        environment=("LANG=C.UTF-8", "PGDATA=/var/lib/postgresql/data"),
    ),
)
