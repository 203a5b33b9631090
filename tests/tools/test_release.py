"""What a release is judged by."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.licences import allowed
from tools.release import check_changelog, check_document, packages

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "licence",
    ["MIT", "BSD License", "Apache-2.0 AND BSD-2-Clause", "GPL-3.0-only OR MIT", "PSF-2.0"],
)
def test_a_licence_that_goes_with_ours_is_allowed(licence: str) -> None:
    assert allowed(licence)


@pytest.mark.parametrize("licence", ["AGPL-3.0", "MIT AND GPL-3.0-only", "Proprietary", "not told"])
def test_a_licence_that_does_not_is_refused(licence: str) -> None:
    assert not allowed(licence)


def test_the_version_has_a_part_in_the_changelog_and_its_document() -> None:
    assert check_changelog()
    assert check_document()


def test_every_package_that_has_files_in_the_wheel_is_there() -> None:
    for name in packages():
        listed = subprocess.run(["git", "ls-files", name], cwd=ROOT, capture_output=True, text=True)
        assert f"{name}/__init__.py" in listed.stdout.split()
