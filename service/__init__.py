"""The HTTP service: validates, dispatches, stores, answers. No linear algebra."""

import os

# Fits run side by side in threads of their own: one BLAS thread each is fastest, and the answer
# does not depend on the machine. To be said before numpy is loaded; the environment may differ.
for _library in ("OPENBLAS", "MKL", "OMP"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
