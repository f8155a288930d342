#!/bin/sh
# Print the path of docker's buildx plugin for the tests: an installed one, or Debian's unpacked into a cache.
# Only the plugin is taken out of the package; nothing is installed.
set -eu

for place in "$HOME/.docker" /usr/local/lib/docker /usr/local/libexec/docker /usr/lib/docker /usr/libexec/docker; do
  if [ -x "$place/cli-plugins/docker-buildx" ]; then echo "$place/cli-plugins/docker-buildx"; exit 0; fi
done
cache=${PYCOMPOSE_DOCKER_BUILDX_CACHE:-$HOME/.cache/pycompose-docker-buildx}
plugin=usr/libexec/docker/cli-plugins/docker-buildx
if [ ! -x "$cache/$plugin" ]; then
  mkdir -p "$cache"
  # Unpacked aside and renamed, so that whoever finds the plugin finds the whole of it.
  aside=$(mktemp -d "$cache/.new-XXXXXX")
  trap 'rm -rf "$aside"' EXIT
  cd "$aside"
  apt=$aside/apt
  mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/parts"
  : > "$apt/status"
  # Debian 12 has none, so it comes from the release after it, by lists of our own.
  echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main' \
    > "$apt/sources.list"
  # apt's sandbox user cannot write here.
  options="-o APT::Sandbox::User=root -o Dir::Etc::SourceList=$apt/sources.list -o Dir::Etc::SourceParts=$apt/parts
    -o Dir::State::Lists=$apt/lists -o Dir::State::Status=$apt/status -o Dir::Cache=$apt"
  # shellcheck disable=SC2086  # a list of words
  apt-get $options -qq update >&2 && apt-get $options -qq download docker-buildx >&2
  dpkg-deb --fsys-tarfile docker-buildx*.deb | tar --extract "./$plugin"
  mkdir -p "$cache/${plugin%/*}"
  mv "$plugin" "$cache/$plugin"
fi
echo "$cache/$plugin"
