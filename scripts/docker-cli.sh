#!/bin/sh
# Print the path of a docker command line for the tests: the one on PATH, or Debian's client unpacked into a cache.
# Only the client is taken out of the package; nothing is installed and no daemon is started.
set -eu

if command -v docker; then exit 0; fi
cache=${PYCOMPOSE_DOCKER_CLI_CACHE:-$HOME/.cache/pycompose-docker-cli}
program=usr/bin/docker
if [ ! -x "$cache/$program" ]; then
  mkdir -p "$cache"
  # Unpacked aside and renamed, so that whoever finds the program finds the whole of it.
  aside=$(mktemp -d "$cache/.new-XXXXXX")
  trap 'rm -rf "$aside"' EXIT
  cd "$aside"
  # Debian 12 has the client in docker.io, later releases in docker-cli. apt's sandbox user cannot write here.
  apt-get download -qq -o APT::Sandbox::User=root docker-cli >&2 2>/dev/null ||
    apt-get download -qq -o APT::Sandbox::User=root docker.io >&2
  dpkg-deb --fsys-tarfile docker*.deb | tar --extract "./$program"
  mkdir -p "$cache/usr/bin"
  mv "$program" "$cache/$program"
fi
echo "$cache/$program"
