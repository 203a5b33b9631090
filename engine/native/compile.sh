#!/bin/sh
# Compiles rows.c beside it. The same rows give the same bits on every processor: no products are contracted.
set -eu
cd "$(dirname "$0")"
"${CC:-cc}" -std=c11 -O3 -ffp-contract=off -fPIC -shared -o rows.so.new rows.c
mv rows.so.new rows.so
