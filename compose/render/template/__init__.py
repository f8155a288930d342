"""Go's text templates, which `--format` takes: parsed to a tree, evaluated over plain values.

The language is that of https://pkg.go.dev/text/template without `define`, `template` and `block`, which need a second
template; the functions are Go's and those of Docker's command line (`json`, `join`, `split`, `pad`, `truncate`, ...).
"""
