"""`make bench`: how long reading files, moving images, running containers and bringing stacks up and down takes, beside
other tools, and what a published port carries.

Tools take turns within a round, so that a slow moment of the machine hits them all. What is printed are median and
min..max of the rounds, in seconds. `cold` means that no engine runs when `up` is called; images are always there.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

from scripts.bench.archives import list_images, move_archives
from scripts.bench.builds import build_images
from scripts.bench.containers import run_containers, weigh_containers
from scripts.bench.files import read_files
from scripts.bench.floor import measure_floor
from scripts.bench.images import pull_images
from scripts.bench.ports import measure_ports
from scripts.bench.stacks import chain, compete, read_logs, start_up
from scripts.bench.tools import Home, Timings


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1,5,20,50", help="numbers of services to bring up")
    parser.add_argument("--chain", type=int, default=20, help="number of services that wait for one another")
    parser.add_argument("--lines", type=int, default=100_000, help="lines of output to print")
    parser.add_argument("--files", default="200,2000", help="numbers of services in files that are only read")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pulls", type=int, default=3, help="rounds of pulling made-up images")
    parser.add_argument("--builds", type=int, default=3, help="rounds of building three stages")
    parser.add_argument("--archives", type=int, default=3, help="rounds of loading, saving and pushing an image")
    parser.add_argument("--lists", type=int, default=5, help="rounds of listing 500 images")
    parser.add_argument("--containers", type=int, default=3, help="rounds of running containers")
    parser.add_argument("--crowd", type=int, default=100, help="how many running containers to weigh")
    parser.add_argument("--ports", type=int, default=3, help="rounds of asking through a published port")
    chosen = parser.parse_args()
    timings: Timings = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="pcb", dir="/var/tmp", ignore_cleanup_errors=True) as place:
        home = Home(Path(place))
        memory = read_files(home, numbers(chosen.files), chosen.rounds, timings)
        try:
            peaks = pull_images(home, chosen.pulls, timings)
            build_images(home, chosen.builds, timings)
            move_archives(home, chosen.archives, timings)
            list_images(home, chosen.lists, timings)
            run_containers(home, chosen.containers, timings)
            weights = weigh_containers(home, chosen.crowd)
            throughput = measure_ports(home, chosen.ports)
            if chosen.rounds:
                start_up(home, chosen.rounds, timings)
            measure_floor(home, numbers(chosen.sizes), chosen.rounds, timings)
            compete(home, numbers(chosen.sizes), chosen.rounds, timings)
            chain(home, chosen.chain, chosen.rounds, timings)
            read_logs(home, chosen.lines, chosen.rounds, timings)
        finally:
            home.end_engine()
    report(timings)
    print(*weights, *throughput, sep="\n")
    for (name, size), peak in sorted(memory.items(), key=lambda item: item[0][1]):
        print(f"{name:18}{size:9}  config         {peak / 1024:8.0f} MiB at most")
    for case, peak in peaks.items():
        print(f"engine, pull of {case:20} {peak / 1024:8.0f} MiB at most")


def numbers(text: str) -> list[int]:
    """Read numbers with commas between them; no text is no number."""
    return [int(number) for number in text.split(",") if number]


def report(timings: Timings) -> None:
    """Print a line per tool, size and command."""
    print(f"{'tool':18}{'services':>9}  {'command':18}{'median':>8}   {'min..max':14}{'x pycompose':>12}")
    measured = {key: seconds for key, seconds in timings.items() if seconds}
    for (tool, size, command), seconds in sorted(
        measured.items(), key=lambda item: (item[0][1], item[0][2], item[0][0])
    ):
        median = statistics.median(seconds)
        ours = statistics.median(timings["pycompose", size, command])
        spread = f"{min(seconds):.2f}..{max(seconds):.2f}"
        print(f"{tool:18}{size or '':>9}  {command:18}{median:8.3f}   {spread:14}{median / ours:12.1f}")


if __name__ == "__main__":
    main()
