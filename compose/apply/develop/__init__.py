"""`develop.watch`: files that change on this machine are copied into containers, or have these restarted or rebuilt."""
