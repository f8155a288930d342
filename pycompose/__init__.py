"""The launcher of pycompose: its version and its two entry points."""

__version__ = "0.1.0"
