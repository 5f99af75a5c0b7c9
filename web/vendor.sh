#!/bin/sh
# Writes the libraries of the page, web/static/lib, anew: a version of each from the
# npm registry, with its licence, and SHA256SUMS over all. TestLibraries holds the
# files against the sums and against the versions named here.
set -eu

uplot=1.6.32
integrity=sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==

lib=$(cd "$(dirname "$0")" && pwd)/static/lib
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent "uplot@$uplot" >/dev/null
got=sha512-$(openssl dgst -sha512 -binary "uplot-$uplot.tgz" | openssl base64 -A)
[ "$got" = "$integrity" ] || { echo "uplot-$uplot.tgz is $got, not $integrity" >&2; exit 1; }
tar xzf "uplot-$uplot.tgz"
mkdir -p "$lib"
cp package/dist/uPlot.iife.min.js "$lib/uplot.js"
cp package/dist/uPlot.min.css "$lib/uplot.css"
cp package/LICENSE "$lib/uplot.LICENSE.txt"
cd "$lib"
sha256sum uplot.js uplot.css uplot.LICENSE.txt >SHA256SUMS.txt
