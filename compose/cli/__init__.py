"""The command line: one module per command, imported only when that command runs.

The only part that reads the environment, arguments, working directory and terminal, and that prints and exits.
"""
