#!/bin/sh
# Takes out of site-packages ($1) what a running service never reads: a quarter of the image.
set -eu
cd "$1"
find . -type d -name tests -prune -exec rm -r {} +
rm -r alembic/testing sqlalchemy/testing tornado/test
# Sources of compiled modules, headers and stubs, for those who build against a package or check types.
find . -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.h' -o -name '*.hpp' \
  -o -name '*.c' -o -name '*.cpp' -o -name '*.a' -o -name '*.pyi' \) -delete
rm -r pyarrow/include pyarrow/src
# Arrow's remote calls and its own clients of clouds: the store of files is obstore's.
rm -f pyarrow/*flight* pyarrow/libarrow_s3* pyarrow/_s3fs* pyarrow/_gcsfs* pyarrow/_azurefs* \
  pyarrow/*cpp_tests*
# Copies of a library under the names that linkers look for: it is loaded as libarrow_python*.so.<version>.
rm -f pyarrow/libarrow_python*.so pyarrow/libarrow_python*.so.*.*.*
# Symbols for debuggers. Libraries in *.libs were moved into the wheel after they were linked, and bear no change.
find . -path '*.libs' -prune -o -type f \( -name '*.so' -o -name '*.so.*' \) -exec strip --strip-unneeded {} +
