#!/bin/sh
# Writes the libraries of the page, web/static/lib, and of its tests, web/testdata/lib,
# anew: a version of each from the npm registry, with its licence, and SHA256SUMS over all.
# TestLibraries holds the files against the sums and against the versions named here.
set -eu

uplot=1.6.32
uplot_integrity=sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==
axe=4.14.1
axe_integrity=sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==

web=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# fetch NAME VERSION INTEGRITY: unpacks the package into ./package
fetch() {
  rm -rf package
  npm pack --silent "$1@$2" >/dev/null
  got=sha512-$(openssl dgst -sha512 -binary "$1-$2.tgz" | openssl base64 -A)
  [ "$got" = "$3" ] || { echo "$1-$2.tgz is $got, not $3" >&2; exit 1; }
  tar xzf "$1-$2.tgz"
}

lib=$web/static/lib
mkdir -p "$lib"
fetch uplot "$uplot" "$uplot_integrity"
cp package/dist/uPlot.iife.min.js "$lib/uplot.js"
cp package/dist/uPlot.min.css "$lib/uplot.css"
cp package/LICENSE "$lib/uplot.LICENSE.txt"
(cd "$lib" && sha256sum uplot.js uplot.css uplot.LICENSE.txt >SHA256SUMS.txt)

# Of the tests alone, never served: axe-core, unchanged, under the MPL 2.0.
lib=$web/testdata/lib
mkdir -p "$lib"
fetch axe-core "$axe" "$axe_integrity"
cp package/axe.min.js "$lib/axe.js"
cp package/LICENSE "$lib/axe.LICENSE.txt"
(cd "$lib" && sha256sum axe.js axe.LICENSE.txt >SHA256SUMS.txt)
