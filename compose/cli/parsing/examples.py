"""What `--help` shows commands by: one to three command lines each, and what they are good for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Examples: TypeAlias = tuple[tuple[str, str], ...]

# Command, without the program's name -> (words behind the program's name, what for).
EXAMPLES: Mapping[str, Examples] = {
    "": (
        ("up -d", "bring the project of this directory up"),
        ("-f other.yaml -p test ps", "global options come before the command"),
        ("--progress json up -d", "tell what happens as lines of JSON"),
    ),
    "apply": (("apply next.json", "do what `plan --out next.json` has written"),),
    "attach": (
        ("attach web", "join a container; ctrl-p ctrl-q leaves it"),
        ("attach --no-stdin --index 2 web", "only listen to the second one"),
    ),
    "bridge": (
        ("bridge convert -o k8s", "for Kubernetes"),
        ("bridge transformations ls", "what it can be made into"),
    ),
    "build": (
        ("build", "build every service that has a `build` section"),
        ("build --no-cache --build-arg VERSION=2 web", "build one anew with another argument"),
    ),
    "commit": (("commit -m 'with fixtures' db app/db:seeded", "keep a database with what is in it"),),
    "completion": (
        ('eval "$(pycompose completion bash)"', "in ~/.bashrc"),
        ("completion fish > ~/.config/fish/completions/pycompose.fish", "for fish"),
    ),
    "config": (
        ("config -q", "only check the files"),
        ("config --origins web", "tell where every value comes from"),
        ("config --format json", "for programs"),
    ),
    "cp": (
        ("cp web:/etc/nginx/nginx.conf .", "out of a container"),
        ("cp ./seed.sql db:/tmp/", "into all containers of a service"),
        ("cp web:/var/log - | tar t", "as a tar archive"),
    ),
    "create": (("create --scale web=3", "make three containers without starting them"),),
    "down": (
        ("down", "containers and networks; volumes stay"),
        ("down -v --rmi local", "volumes and built images, too"),
    ),
    "engine": (
        ("engine ps -a", "all containers, of every project"),
        ("engine run --rm -it debian bash", "a container without a project"),
    ),
    "events": (("events --json --since 10m web", "what happened to a service, as lines of JSON"),),
    "exec": (
        ("exec db psql -U postgres", "a shell of the database"),
        ("exec -T web sh < script.sh", "in a script: no terminal"),
    ),
    "explain": (("explain web", "why it was replaced the last time"),),
    "export": (("export -o web.tar web", "the files of a container"),),
    "graph": (
        ("graph", "who waits for whom, and what runs"),
        ("graph --format svg -o graph.svg", "as a picture"),
    ),
    "images": (("images --format json", "for programs"),),
    "kill": (("kill -s SIGHUP web", "have a service read its configuration again"),),
    "login": (("login -u me --password-stdin registry.example.com < token", "without a terminal"),),
    "logout": (("logout registry.example.com", "forget its credentials"),),
    "logs": (
        ("logs -f --tail 100 web", "the last lines, and what comes"),
        ("logs --since 10m -t", "of the last ten minutes, with times"),
    ),
    "ls": (("ls -a", "stopped projects, too"),),
    "pause": (("pause worker", "let it stand still; `unpause` lets it go on"),),
    "plan": (
        ("plan", "what `up` would do, and why"),
        ("plan --exit-code", "in a script: 2 if there is anything to do"),
        ("plan --out next.json", "for `apply`"),
    ),
    "port": (
        ("port web 80", "where the port is published"),
        ("port --protocol udp dns 53", "the same for UDP"),
    ),
    "ps": (
        ("ps -a", "stopped containers, too"),
        ("ps --format '{{.Name}}: {{.Status}}'", "with a template"),
        ("ps --status exited --format json", "for programs"),
    ),
    "publish": (("publish registry.example.com/app:1.0", "the files, for `-f oci://registry.example.com/app:1.0`"),),
    "pull": (
        ("pull --ignore-buildable", "what is not built here"),
        ("pull --policy missing", "only what is not there"),
    ),
    "push": (("push web", "to the registry in its name"),),
    "restart": (("restart -t 2 web", "kill it if it has not ended after two seconds"),),
    "rm": (("rm -fsv web", "stop and remove it, with its anonymous volumes"),),
    "run": (
        ("run --rm web ./manage.py migrate", "a task, and nothing of it left"),
        ("run --rm -P -e DEBUG=1 web", "with the service's ports"),
    ),
    "scale": (("scale web=3 worker=0", "three of one, none of the other"),),
    "start": (("start --wait db", "until it is healthy"),),
    "stats": (
        ("stats", "again and again"),
        ("stats --no-stream --format json", "once, for programs"),
    ),
    "stop": (("stop -t 30 db", "give it half a minute"),),
    "support": (("support healthcheck", "what has an effect of it"),),
    "top": (("top web", "its processes"),),
    "unpause": (("unpause worker", "let it go on"),),
    "up": (
        ("up -d --wait", "until everything is healthy"),
        ("up --build web", "build and start one service and what it needs"),
        ("up --watch", "follow changes of the sources"),
    ),
    "version": (("version --format json", "for programs"),),
    "volumes": (("volumes -q", "names only"),),
    "wait": (("wait migrate", "end with its exit code"),),
    "watch": (("watch --no-up", "the project runs already"),),
}


def epilog(command: str) -> str | None:
    """The examples of a command as click shows them behind the options; None if there are none."""
    shown = EXAMPLES.get(command)
    if not shown:
        return None
    lines = [f"  # {what}\n  {line_of(words)}" for words, what in shown]
    # \b: the lines stay as they are.
    return "\n".join(["\b", "Examples:" if len(lines) > 1 else "Example:", *lines])


def line_of(words: str) -> str:
    """The whole command line."""
    return words if words.startswith("eval ") else f"pycompose {words}"
