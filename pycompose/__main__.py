"""`python -m pycompose` is `pycompose`; `python -m pycompose engine-daemon …` is `pycompose-engine …`.

Child processes that we start ourselves use this door, so that they find the same code however it was installed.
"""

import sys

from pycompose.launcher import cli, daemon

if sys.argv[1:2] == ["engine-daemon"]:
    del sys.argv[1]
    daemon()
else:
    cli()
