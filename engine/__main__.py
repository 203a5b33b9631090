"""The command line: ``python -m engine summarise | merge | fit``."""

import sys

from engine.command import main

if __name__ == "__main__":
    sys.exit(main())
