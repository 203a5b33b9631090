"""The licences of what is installed here: ``python licences.py LOCK``; needs no other package.

Prints a Markdown table of the packages of a lock; ends with an error when a licence is none of
those allowed.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import metadata
from pathlib import Path

# By these a package may be used by a program under MIT. LGPL: as a library that anyone can replace.
ALLOWED = re.compile(
    r"MIT|(0|[23]-clause )?BSD|Apache|Python Software Foundation|PSF|MPL|Mozilla|zlib|CC0"
    r"|LGPL|Lesser General Public",
    re.IGNORECASE,
)


def licence_of(name: str) -> str:
    """Return the licence that a package says it has: an SPDX expression, classifiers or a line."""
    told = metadata(name)
    if told["License-Expression"]:
        return str(told["License-Expression"])
    classifiers = [each for each in told.get_all("Classifier") or [] if each.startswith("License")]
    if classifiers:
        return " OR ".join(each.rsplit(" :: ", 1)[-1] for each in classifiers)
    return (told["License"] or "not told").splitlines()[0]


def allowed(licence: str) -> bool:
    """Tell whether a licence is allowed: all parts joined by AND, one of those joined by OR."""
    return all(
        any(ALLOWED.search(choice) for choice in part.split(" OR "))
        for part in re.split(r" AND ", licence)
    )


def main() -> int:
    """Print the table and what is wrong; return the exit status."""
    names = re.findall(r"^([\w.-]+)==", Path(sys.argv[1]).read_text(), re.MULTILINE)
    found = {name: licence_of(name) for name in names}
    print("# Licences of the packages that the service runs on\n")
    print("| package | version | licence |\n| --- | --- | --- |")
    for name, licence in found.items():
        print(f"| {name} | {metadata(name)['Version']} | {licence} |")
    refused = {name: licence for name, licence in found.items() if not allowed(licence)}
    for name, licence in refused.items():
        print(f"{name}: {licence} is not among the licences allowed", file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
