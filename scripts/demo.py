"""`make demo`: bring up examples/shop, fetch a page from it, and say what to try next. `make demo-stop` takes it down.

Images come from Docker Hub. Where that cannot be reached, stand-ins made of Debian packages are served on 127.0.0.1
and set as the engine's mirror of docker.io.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = Path(sys.prefix) / "bin" / "pycompose"
SHOP = ROOT / "examples" / "shop"
STATE = Path(os.environ.get("PYCOMPOSE_STATE_DIR", "/var/lib/pycompose"))
STAND_IN_PACKAGES = ("docker-registry", "mmdebstrap", "mount")
MARK = "# written by `make demo`, because Docker Hub could not be reached\n"


def main(action: str) -> int:
    """Do what the argument says and return the exit code."""
    if action == "down":
        return stop()
    if hub_answers():
        forget_mirror()
    else:
        print("Docker Hub cannot be reached from here: serving stand-ins for its images on 127.0.0.1.", flush=True)
        use_mirror(serve_stand_ins())
    began = time.monotonic()
    if code := pycompose("up", "--detach", "--wait").returncode:
        return code
    print(f"\nup and healthy after {time.monotonic() - began:.1f} s; a page through the published port:\n")
    address = shop_address()
    with urllib.request.urlopen(address, timeout=10) as page:
        print(page.read().decode())
    pycompose("ps")
    print(whats_next(address))
    return 0


def pycompose(*arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    """Run our own command line on the shop."""
    command = [str(PROGRAM), "--project-directory", str(SHOP), *arguments]
    sys.stdout.flush()
    return subprocess.run(command, cwd=SHOP, text=True, stdout=subprocess.PIPE if capture else None, check=False)


def hub_answers() -> bool:
    """Whether Docker Hub's registry answers; it asks strangers for a token (401)."""
    try:
        urllib.request.urlopen("https://registry-1.docker.io/v2/", timeout=3).close()
    except urllib.error.HTTPError as error:
        return error.code == 401
    except OSError:
        return False
    return True


def serve_stand_ins() -> str:
    """Start the registry of stand-ins, or find it running, and return its address."""
    subprocess.run([ROOT / "scripts" / "packages.sh", *STAND_IN_PACKAGES], check=True)
    command = [sys.executable, "-m", "tests.images", "start"]
    return subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True).stdout.strip()


def use_mirror(address: str) -> None:
    """Tell the engine, in a file that it reads when it starts. A file that is not ours is left alone."""
    path = STATE / "registries.toml"
    if path.exists() and not path.read_text().startswith(MARK):
        return
    path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    path.write_text(f'{MARK}[registry."docker.io"]\nmirrors = ["{address}"]\n')


def forget_mirror() -> None:
    """Go back to Docker Hub, if a demo left its file."""
    path = STATE / "registries.toml"
    if path.exists() and path.read_text().startswith(MARK):
        path.unlink()


def shop_address() -> str:
    """Where the proxy's published port is, as `ps` tells it."""
    listed = pycompose("ps", "--format", "json", capture=True).stdout
    services = [json.loads(line) for line in listed.splitlines()]
    ports = [port["PublishedPort"] for service in services for port in service["Publishers"] if port["PublishedPort"]]
    return f"http://127.0.0.1:{ports[0]}/"


def whats_next(address: str) -> str:
    """The last thing the demo prints."""
    before = ["sudo"] if "SUDO_USER" in os.environ else []
    if "SHOP_PORT" in os.environ:
        before.append(f"SHOP_PORT={os.environ['SHOP_PORT']}")
    program = PROGRAM.relative_to(ROOT) if PROGRAM.is_relative_to(ROOT) else PROGRAM
    command = " ".join([*before, str(program), "-f examples/shop/compose.yaml"])
    tries: Sequence[str] = (
        f"curl {address}",
        f"{command} logs -f web",
        f"{command} exec database psql -U shop -c 'SELECT * FROM products'",
        f"{command} exec cache redis-cli get visits",
        f"{command} --profile tools up -d",
    )
    lines = "\n".join(f"    {line}" for line in tries)
    return f"\nThe shop stays up. Try:\n\n{lines}\n\nStop it and delete its data:\n\n    make demo-stop\n"


def stop() -> int:
    """Take the shop down with its data, and end the registry of stand-ins."""
    code = pycompose("down", "--volumes").returncode
    subprocess.run([sys.executable, "-m", "tests.images", "stop"], cwd=ROOT, check=True)
    forget_mirror()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
