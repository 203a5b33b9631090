"""What holds for every test, and a service that tests of several folders ask."""

import os
from collections.abc import Iterator

import pytest

from tools.live import Live, serving

# As in the service, one BLAS thread, said before numpy is loaded.
for _library in ("OPENBLAS", "MKL", "OMP"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")


# What takes longest begins first: what is left at the end is short, and no processor waits.
LONG = (
    "tests/service/test_contract.py",
    "tests/service/test_ceilings.py",
    "tests/browser/",
    "tests/test_docs.py",
    "tests/service/test_workers.py",
    "tests/service/test_cluster.py",
    "tests/faults/",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long tests first; the others stay in their order."""

    def place(item: pytest.Item) -> int:
        found = (i for i, name in enumerate(LONG) if item.nodeid.startswith(name))
        return next(found, len(LONG))

    items.sort(key=place)


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service in its own process, for all tests that need a real connection."""
    with serving(tmp_path_factory.mktemp("live")) as running:
        yield running


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
