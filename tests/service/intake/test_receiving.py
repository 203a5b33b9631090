"""A body on its way to disk."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.intake import Form, IntakeError, UnknownFormError
from service.intake.receiving import Received, receive

BOUNDARY = "multipart/form-data; boundary=xYz"


def form(*parts: str, end: str = "--xYz--\r\n") -> bytes:
    return "".join(f"--xYz\r\n{part}\r\n" for part in parts).encode() + end.encode()


def part(name: str, content: str, filename: str = "radon.csv", kind: str = "text/csv") -> str:
    said = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
    return said + (f"Content-Type: {kind}\r\n" if kind else "") + f"\r\n{content}"


async def received(
    body: bytes, content_type: str, path: Path, encoding: str = "", step: int = 7
) -> Received:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), step):
            yield body[start : start + step]

    return await receive(pieces(), content_type, encoding, path / "body")


@pytest.mark.anyio
async def test_a_plain_body_is_the_file(tmp_path: Path) -> None:
    found = await received(b"a,b\n1,2\n", "text/csv; charset=utf-8", tmp_path)
    assert found.path.read_bytes() == b"a,b\n1,2\n"
    assert (found.form, found.size) == (Form.CSV, 8)


@pytest.mark.anyio
@pytest.mark.parametrize("step", [1, 7, 10_000])
async def test_the_file_of_a_form_comes_out_whole(step: int, tmp_path: Path) -> None:
    content = "a,b\n" + "1,--xYz\r\n-\n" * 100
    body = form(part("file", content, "radon.tsv", "application/octet-stream"))
    found = await received(body, BOUNDARY, tmp_path, step=step)
    assert found.path.read_bytes() == content.encode()
    assert found.form is Form.TSV


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (form(part("data", "a\n1")), "unknown_part"),
        (form(part("file", "a\n1"), part("file", "a\n1")), "two_files"),
        (form(), "no_file_part"),
        (form(part("file", "a\n1"), end=""), "malformed_multipart"),
        (form(part("file", "a\n1"))[:-20], "malformed_multipart"),
        (b"a,b\n1,2\n", "malformed_multipart"),
        (b"", "malformed_multipart"),
    ],
)
async def test_a_form_without_one_file_is_refused(body: bytes, code: str, tmp_path: Path) -> None:
    with pytest.raises(IntakeError) as caught:
        await received(body, BOUNDARY, tmp_path)
    assert caught.value.problems[0].code == code


@pytest.mark.anyio
async def test_a_form_needs_a_boundary(tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match="not well formed"):
        await received(form(part("file", "a\n1")), "multipart/form-data", tmp_path)


@pytest.mark.anyio
async def test_a_part_of_unknown_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormError):
        await received(form(part("file", "x", "radon.pdf", "")), BOUNDARY, tmp_path)


@pytest.mark.anyio
async def test_the_type_is_known_before_a_byte_is_read(tmp_path: Path) -> None:
    async def never() -> AsyncIterator[bytes]:
        for unread in ("the body was read",):
            pytest.fail(unread)
        yield b""

    with pytest.raises(UnknownFormError):
        await receive(never(), "text/html", "", tmp_path / "body")
    with pytest.raises(UnknownFormError, match="Content-Encoding"):
        await receive(never(), "text/csv", "br", tmp_path / "body")


@pytest.mark.anyio
async def test_what_says_gzip_is_gzip(tmp_path: Path) -> None:
    found = await received(gzip.compress(b"a\n1\n"), "text/csv", tmp_path, "gzip")
    assert found.form is Form.CSV
    with pytest.raises(IntakeError, match="not gzip"):
        await received(b"a\n1\n", "text/csv", tmp_path, "gzip")
