#!/bin/sh
# /etc/nginx/templates/*.template become /etc/nginx/conf.d/*, with variables of the environment filled in and nginx's own left alone.
set -e
templates=${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}
suffix=${NGINX_ENVSUBST_TEMPLATE_SUFFIX:-.template}
output=${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}
if [ ! -d "$templates" ]; then exit 0; fi
names=$(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/${\1}/p' | grep -E "${NGINX_ENVSUBST_FILTER:-}" | tr '\n' ' ')
find "$templates" -follow -type f -name "*$suffix" | while read -r template; do
  target=$output/$(basename "$template" "$suffix")
  envsubst "$names" <"$template" >"$target"
done
