"""Downloads from a server on this machine: resumed where they broke off, refused where the checksum differs."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from levinthal.datasets import DataSet, Download, data_set, data_sets
from levinthal.datasets.download import FIRST_FETCH, checksum_of, download
from levinthal.errors import DataError, UsageError

CONTENT = bytes(range(256)) * 40_000
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server():
    """Serve CONTENT with ranges; `server.break_after` cuts an answer off, `server.asked` lists the ranges asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            wanted = self.headers.get("Range")
            self.server.asked.append(wanted)
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            if self.path == "/none":
                self.send_error(404)
                return
            if start >= len(CONTENT):
                self.send_error(416)
                return
            body = CONTENT[start:]
            self.send_response(206 if wanted and self.path != "/whole" else 200)
            if self.path == "/whole":
                body = CONTENT
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: self.server.break_after])

        def log_message(self, *_):
            pass

    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.asked, served.break_after = [], None
    served.url = f"http://127.0.0.1:{served.server_port}"
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield served
    served.shutdown()
    served.server_close()


def test_a_file_is_fetched_and_verified(server, tmp_path):
    assert download(server.url + "/f", tmp_path / "f", SHA256) == SHA256
    assert (tmp_path / "f").read_bytes() == CONTENT
    md5 = "md5:" + hashlib.md5(CONTENT).hexdigest()
    assert download(server.url + "/f", tmp_path / "g", md5) == md5


@pytest.mark.parametrize("path", ["/f", "/whole"])  # a server that takes ranges, and one that does not
def test_a_broken_off_download_goes_on_where_it_stopped(server, tmp_path, path):
    server.break_after = 3_000_000
    with pytest.raises(DataError, match="run the same command again"):
        download(server.url + path, tmp_path / "f", SHA256)
    assert not (tmp_path / "f").exists()
    have = (tmp_path / "f.part").stat().st_size
    assert 0 < have <= 3_000_000
    server.break_after = None
    download(server.url + path, tmp_path / "f", SHA256)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={have}-"]


def test_a_whole_part_is_only_verified(server, tmp_path):
    (tmp_path / "f.part").write_bytes(CONTENT)
    assert download(server.url + "/f", tmp_path / "f", SHA256) == SHA256


def test_a_wrong_checksum_is_refused_and_not_kept(server, tmp_path):
    with pytest.raises(DataError, match="expected is sha256:00"):
        download(server.url + "/f", tmp_path / "f", "sha256:" + "0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_no_such_file_and_no_connection_are_one_line(server, tmp_path):
    with pytest.raises(DataError, match="HTTPError"):
        download(server.url + "/none", tmp_path / "f", SHA256)
    server.shutdown()
    server.server_close()
    with pytest.raises(DataError, match="check the connection"):
        download(server.url + "/f", tmp_path / "f", SHA256)


def test_a_data_set_is_fetched_once_and_verified(server, tmp_path, monkeypatch):
    monkeypatch.setenv("LEVINTHAL_DATA", str(tmp_path))
    files = (Download(server.url + "/f", "a.bin", SHA256), Download(server.url + "/f", "b.bin", FIRST_FETCH))
    made = DataSet("example", "1", "An example.", "CC0-1.0", "here", downloads=files)
    assert made.state() == "not here"
    assert "not here" in made.verify()
    made.fetch()
    made.fetch()
    assert len(server.asked) == 2
    assert made.state() == "here"
    assert "whole" in made.verify()
    (made.folder / "b.bin").write_bytes(b"damaged")  # remembered from the first fetch
    with pytest.raises(DataError, match=r"b\.bin is damaged"):
        made.verify()
    (made.folder / "a.bin").unlink()
    assert made.state() == "partly here"
    with pytest.raises(DataError, match=r"a\.bin is missing"):
        made.verify()


def test_the_catalogue_is_sound():
    for each in data_sets():
        assert each.made_by or each.downloads
        for file in each.downloads:
            algorithm, _, digest = file.checksum.partition(":")
            assert file.checksum == FIRST_FETCH or len(digest) == hashlib.new(algorithm).digest_size * 2
            assert file.url.startswith("http")
            assert "/" not in file.name
    with pytest.raises(UsageError, match="did you mean fs-peptide"):
        data_set("fs-peptde")


def test_an_entry_of_the_protein_data_bank_is_a_data_set(tmp_path, monkeypatch):
    monkeypatch.setenv("LEVINTHAL_DATA", str(tmp_path))
    entry = data_set("pdb:1fme")
    assert (entry.name, entry.downloads[0].url[-9:], entry.state()) == ("pdb:1FME", "/1FME.pdb", "not here")
    with pytest.raises(DataError, match="levinthal data fetch pdb:1FME"):
        entry.files()
    entry.folder.mkdir()
    (entry.folder / "1FME.pdb").write_text("END\n")
    assert entry.files() == (entry.folder / "1FME.pdb",)
    for wrong in ("pdb:", "pdb:../x", "pdb:1FMEX", "pdb:FFME"):
        with pytest.raises(UsageError, match="four characters"):
            data_set(wrong)


def test_checksum_of_a_known_file(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert checksum_of(tmp_path / "abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
