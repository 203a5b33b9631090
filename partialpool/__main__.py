"""The command line: ``python -m partialpool``, which is ``partialpool`` where it is installed."""

import sys

from partialpool.cli import main

if __name__ == "__main__":
    sys.exit(main())
