"""A server that misbehaves in more than twenty ways: nothing wrong is ever kept as the file, or called whole."""

from __future__ import annotations

import gzip
import hashlib
import io
import socket
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from levinthal.datasets import DataSet, Download, download
from levinthal.datasets.download import FIRST_FETCH
from levinthal.errors import DataError, LevinthalError

ATOMS = "".join(
    f"ATOM  {k:5d}  CA  GLY A{k:4d}    {k:8.3f}   0.000   0.000  1.00  0.00           C\n" for k in range(1, 9000)
)
GOOD = (f"HEADER    DE NOVO PROTEIN{'':25}18-SEP-97   1FME\n" + ATOMS + "END\n").encode()
PORTAL = b"<!DOCTYPE html><html><body>Please log in</body></html>"
MOST = 2_000_000


class Answer:
    """What the server says: status, headers and body, and how it says it."""

    def __init__(self, body: bytes, status: int = 200, **how: Any) -> None:
        self.body, self.status = body, status
        self.headers: dict[str, str] = how.pop("headers", {})
        self.length: int | None = how.pop("length", len(body))
        self.raw: bytes | None = how.pop("raw", None)
        self.pause_s: float = how.pop("pause_s", 0.0)
        self.endless: bool = how.pop("endless", False)


@pytest.fixture
def server() -> Iterator[Any]:
    """Serve what `server.answers[path]`, called with the headers of the request, gives."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.server.asked.append(dict(self.headers))
            answer = self.server.answers[self.path](self.headers)
            if answer.raw is not None:
                self.wfile.write(answer.raw)
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.length is not None:
                self.send_header("Content-Length", str(answer.length))
            self.end_headers()
            try:
                self.wfile.write(answer.body)
                end_s = time.monotonic() + 20
                while answer.endless and time.monotonic() < end_s:
                    self.wfile.write(answer.body or b"x")
                    time.sleep(answer.pause_s)
            except OSError:
                pass

        def log_message(self, *_: object) -> None:
            pass

    served: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.daemon_threads = True
    served.asked, served.answers = [], {}
    served.url = f"http://127.0.0.1:{served.server_port}"
    threading.Thread(target=served.serve_forever, args=(0.02,), daemon=True).start()
    yield served
    served.shutdown()
    served.server_close()


def bomb() -> bytes:
    return gzip.compress(bytes(MOST * 20), 9)


def zipped(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", content)
    return out.getvalue()


ETAG = {"ETag": '"1"'}
_LENGTH, _PART = {"Content-Length": "x"}, {"Content-Range": "bytes 100-"}
_CHUNKED = {"Transfer-Encoding": "chunked"}
WRONG: dict[str, tuple[str, Callable[[Any], Answer]]] = {
    "a captive portal": ("1FME.pdb", lambda _: Answer(PORTAL)),
    "a portal with another status": ("1FME.pdb", lambda _: Answer(PORTAL, 203)),
    "an empty body": ("1FME.pdb", lambda _: Answer(b"")),
    "no content": ("1FME.pdb", lambda _: Answer(b"", 204)),
    "not found": ("1FME.pdb", lambda _: Answer(PORTAL, 404)),
    "a server's error": ("1FME.pdb", lambda _: Answer(b"", 500)),
    "another entry": ("1FME.pdb", lambda _: Answer(GOOD.replace(b"1FME", b"2XYZ"))),
    "cut off, and it does not say so": ("1FME.pdb", lambda _: Answer(GOOD[: len(GOOD) // 2], length=None)),
    "fewer bytes than promised": ("1FME.pdb", lambda _: Answer(GOOD[:5000], length=len(GOOD))),
    "fewer bytes promised than there are": ("1FME.pdb", lambda _: Answer(GOOD, length=5000)),
    "a length that is no number": ("1FME.pdb", lambda _: Answer(GOOD[:5000], length=None, headers=_LENGTH)),
    "too large, and it says so": ("1FME.pdb", lambda _: Answer(b"x", length=MOST * 1000)),
    "without end": ("1FME.pdb", lambda _: Answer(ATOMS.encode(), length=None, endless=True)),
    "an answer that inflates": ("1FME.pdb", lambda _: Answer(bomb(), headers={"Content-Encoding": "gzip"})),
    "an unknown coding": ("1FME.pdb", lambda _: Answer(GOOD, headers={"Content-Encoding": "br"})),
    "a part that was not asked for": ("1FME.pdb", lambda _: Answer(GOOD[100:], 206, headers=_PART)),
    "a loop of redirections": ("1FME.pdb", lambda _: Answer(b"", 302, headers={"Location": "/1FME.pdb"})),
    "a redirection to a file": ("1FME.pdb", lambda _: Answer(b"", 302, headers={"Location": "file:///etc/passwd"})),
    "a redirection to nowhere": ("1FME.pdb", lambda _: Answer(b"", 302, headers={"Location": "http://[::1"})),
    "no HTTP": ("1FME.pdb", lambda _: Answer(b"", raw=b"\x00\xff" * 5000)),
    "chunks that are none": ("1FME.pdb", lambda _: Answer(b"zz\r\nhello", length=None, headers=_CHUNKED)),
    "numbers that are not text": ("1FME.pdb", lambda _: Answer(bytes(range(256)) * 50)),
    "a zip that is none": ("a.zip", lambda _: Answer(b"PK\x03\x04" + b"x" * 500)),
    "a zip with a damaged file": ("a.zip", lambda _: Answer(zipped(GOOD).replace(b"a", b"b", 3)[:-30])),
    "a zip that inflates": ("a.zip", lambda _: Answer(zipped(bytes(MOST * 20)))),
    "a gzip cut off": ("a.tar.gz", lambda _: Answer(gzip.compress(GOOD)[:-10])),
    "a gzip that inflates": ("a.tar.gz", lambda _: Answer(bomb())),
    "a portal for a file of no known format": ("a.bin", lambda _: Answer(PORTAL)),
}  # fmt: skip


def data_set_of(server: Any, name: str, checksum: str = FIRST_FETCH, **more: Any) -> DataSet:
    file = Download(f"{server.url}/{name}", name, checksum, most_bytes=MOST, **more)
    return DataSet("example", "1", "An example.", "CC0-1.0", "here", downloads=(file,))


@pytest.mark.parametrize("how", WRONG)
def test_what_is_wrong_is_not_kept(server, tmp_path, monkeypatch, how):
    monkeypatch.setenv("LEVINTHAL_DATA", str(tmp_path))
    name, answer = WRONG[how]
    server.answers[f"/{name}"] = answer
    wanted = data_set_of(server, name)
    with pytest.raises(LevinthalError) as caught:
        wanted.fetch()
    assert "\n" not in str(caught.value)
    assert wanted.state() == "not here"
    assert not (wanted.folder / name).exists()
    assert not (wanted.folder / f"{name}.sha256").exists()
    assert sum(path.stat().st_size for path in wanted.folder.iterdir()) <= MOST
    if name.endswith(".pdb"):  # the next time it is the file, whatever lies here of the last
        server.answers[f"/{name}"] = lambda _: Answer(GOOD)
        wanted.fetch()
        assert (wanted.folder / name).read_bytes() == GOOD
        assert "whole" in wanted.verify()


def test_a_trickle_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_WITHIN_S", 1.0)
    server.answers["/f"] = lambda _: Answer(b"x", length=None, endless=True, pause_s=0.05)
    with pytest.raises(DataError, match="bytes a second"):
        download.download(f"{server.url}/f", tmp_path / "f", FIRST_FETCH, most_bytes=MOST)


def test_a_part_is_never_joined_to_another_version(server, tmp_path, monkeypatch):
    monkeypatch.setenv("LEVINTHAL_DATA", str(tmp_path))
    old = GOOD.replace(b"GLY", b"ALA")
    wanted = data_set_of(server, "1FME.pdb")
    server.answers["/1FME.pdb"] = lambda _: Answer(old[:300_000], length=len(old), headers=ETAG)
    with pytest.raises(DataError, match="run the same command again"):
        wanted.fetch()
    assert 0 < (wanted.folder / "1FME.pdb.part").stat().st_size <= 300_000

    def honest(headers: Any) -> Answer:
        if headers.get("Range") and headers.get("If-Range") == '"2"':
            start = int(headers["Range"].removeprefix("bytes=").rstrip("-"))
            return Answer(GOOD[start:], 206, headers={"ETag": '"2"', "Content-Range": f"bytes {start}-"})
        return Answer(GOOD, headers={"ETag": '"2"'})

    server.answers["/1FME.pdb"] = honest
    wanted.fetch()
    assert server.asked[-1]["If-Range"] == '"1"'
    assert server.asked[-1]["Accept-Encoding"] == "identity"
    assert (wanted.folder / "1FME.pdb").read_bytes() == GOOD


def test_a_part_of_the_same_version_goes_on(server, tmp_path, monkeypatch):
    monkeypatch.setenv("LEVINTHAL_DATA", str(tmp_path))

    def honest(headers: Any) -> Answer:
        if headers.get("Range") and headers.get("If-Range") == '"1"':
            start = int(headers["Range"].removeprefix("bytes=").rstrip("-"))
            return Answer(
                GOOD[start:], 206, headers={**ETAG, "Content-Range": f"bytes {start}-{len(GOOD) - 1}/{len(GOOD)}"}
            )
        return Answer(GOOD[:300_000], length=len(GOOD), headers=ETAG)

    server.answers["/1FME.pdb"] = honest
    wanted = data_set_of(server, "1FME.pdb")
    with pytest.raises(DataError):
        wanted.fetch()
    wanted.fetch()
    assert (wanted.folder / "1FME.pdb").read_bytes() == GOOD
    assert len(server.asked) == 2


@pytest.mark.parametrize("size", [-1, 1])
def test_a_file_of_another_size_than_published_is_refused(server, tmp_path, monkeypatch, size):
    monkeypatch.setenv("LEVINTHAL_DATA", str(tmp_path))
    server.answers["/1FME.pdb"] = lambda _: Answer(GOOD, length=None)
    checksum = "sha256:" + hashlib.sha256(GOOD).hexdigest()
    with pytest.raises(DataError):
        data_set_of(server, "1FME.pdb", checksum, n_bytes=len(GOOD) + size).fetch()
    data_set_of(server, "1FME.pdb", checksum, n_bytes=len(GOOD)).fetch()


@pytest.mark.parametrize("junk", [None, b"", b"\xff\xfe", b"sha256:12", b"md4:" + b"0" * 64, b"x" * 10_000])
def test_without_its_checksum_a_file_is_not_called_whole(server, tmp_path, monkeypatch, junk):
    monkeypatch.setenv("LEVINTHAL_DATA", str(tmp_path))
    server.answers["/1FME.pdb"] = lambda _: Answer(GOOD)
    wanted = data_set_of(server, "1FME.pdb")
    wanted.fetch()
    memory = wanted.folder / "1FME.pdb.sha256"
    memory.unlink() if junk is None else memory.write_bytes(junk)
    with pytest.raises(DataError, match="fetches it again"):
        wanted.verify()
    wanted.fetch()
    assert "whole" in wanted.verify()


def test_no_path_leaves_the_folder_and_no_link_in_it_is_followed(server, tmp_path, monkeypatch):
    monkeypatch.setenv("LEVINTHAL_DATA", str(tmp_path / "data"))
    mine = tmp_path / "mine"
    mine.write_text("mine")
    for path in ("../x", "/etc/x", "a/b", "..", ""):
        server.answers[f"/{path}"] = lambda _: Answer(GOOD)
        with pytest.raises(LevinthalError):
            data_set_of(server, path).fetch()
    server.answers["/1FME.pdb"] = lambda _: Answer(GOOD)
    wanted = data_set_of(server, "1FME.pdb")
    wanted.folder.mkdir(parents=True, exist_ok=True)
    for name in ("1FME.pdb", "1FME.pdb.part", "1FME.pdb.sha256"):
        link = wanted.folder / name
        link.symlink_to(mine)
        with pytest.raises(LevinthalError):
            wanted.fetch()
        assert mine.read_text() == "mine"
        for each in wanted.folder.iterdir():
            each.unlink()
    wanted.fetch()
    assert "whole" in wanted.verify()


def test_no_server_at_all_is_one_line(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/f"
    for wrong in (
        url,
        "http://",
        "http://[::1",
        "ftp://127.0.0.1/f",
        "file:///etc/passwd",
        "http://\u2603.invalid:99999/",
    ):
        with pytest.raises(LevinthalError):
            download.download(wrong, tmp_path / "f", FIRST_FETCH)
    assert not (Path(tmp_path) / "f").exists()
