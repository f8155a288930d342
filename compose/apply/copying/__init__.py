"""Files out of containers and into them, with the rules of `docker cp` (and of `cp -a`) for where they go."""
