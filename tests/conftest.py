"""What holds for every test, and a service that tests of several folders ask."""

import os
from collections.abc import Iterator

import pytest

from tools.live import Live, serving

# As in the service, one BLAS thread, said before numpy is loaded.
for _library in ("OPENBLAS", "MKL", "OMP"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service in its own process, for all tests that need a real connection."""
    with serving(tmp_path_factory.mktemp("live")) as running:
        yield running


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
