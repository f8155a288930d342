#!/bin/sh
# Install Debian packages that are missing: packages.sh NAME… (root or sudo). Says nothing when all are there.
set -eu

missing=
for name in "$@"; do
  dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || missing="$missing $name"
done
if [ -z "$missing" ]; then exit 0; fi

if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "error: installing$missing needs root, and there is no sudo" >&2; exit 1; }
  exec sudo "$0" "$@"
fi

# Packages must not start services of their own (docker-registry would, on port 5000).
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi

echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
# shellcheck disable=SC2086  # a list of words
if ! { apt-get update -qq && apt-get install -qq --yes --no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
  tail -20 "$log" >&2
  echo "error: apt-get could not install$missing" >&2
  rm -f "$log"
  exit 1
fi
rm -f "$log"
