#!/bin/sh
# Runs the scripts of /docker-entrypoint.d in order, then the server.
set -e
case $1 in
  nginx | nginx-debug)
    for script in /docker-entrypoint.d/*.sh; do
      if [ -x "$script" ]; then "$script"; fi
    done
    ;;
esac
exec "$@"
