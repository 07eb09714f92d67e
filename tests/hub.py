"""A server on this machine that speaks the part of the Hub's protocol that a pull needs."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

_SHA = "0123456789abcdef0123456789abcdef01234567"


_BLOCK = 4096


class Hub(ThreadingHTTPServer):
    """Serves one repository. Breaks a file off after `cut` bytes while `cut` is set; stands still in the
    middle of a long file while `hold` is set. `claims` are sizes that it names before a file is fetched.
    """

    daemon_threads = True

    def __init__(self, folder: Path, hub_id: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub_id = hub_id
        self.files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        self.tags = {name: hashlib.sha256(body).hexdigest() for name, body in self.files.items()}
        self.cut: int | None = None
        self.breaks = False
        self.hold: threading.Event | None = None
        self.ranges: list[str] = []
        self.claims: dict[str, int] = {}


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        path = unquote(self.path.partition("?")[0])
        hub_id = self.server.hub_id
        if path in (f"/api/models/{hub_id}", f"/api/models/{hub_id}/revision/{_SHA}"):
            siblings = [{"rfilename": name} for name in self.server.files]
            self._send(
                200,
                json.dumps({"id": hub_id, "sha": _SHA, "siblings": siblings, "tags": ["license:apache-2.0"]}).encode(),
                with_body,
            )
        elif path.startswith(f"/{hub_id}/resolve/{_SHA}/") and path.rpartition("/")[2] in self.server.files:
            self._send_file(path.rpartition("/")[2], with_body)
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _send_file(self, name: str, with_body: bool) -> None:
        body = memoryview(self.server.files[name])
        start = 0
        if wanted := self.headers.get("Range"):
            self.server.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
        if start and self.server.breaks:
            # The network stays away: the library's own second try fails too.
            self.send_error(503)
            return
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{self.server.tags.get(name, name)}"')
        self.send_header("X-Repo-Commit", _SHA)
        self.send_header("Accept-Ranges", "bytes")
        claim = None if with_body else self.server.claims.get(name)
        self.send_header("Content-Length", str(len(body) - start if claim is None else claim))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        if with_body:
            cut = self.server.cut
            if self.server.hold is not None and len(body) > 8 * _BLOCK:
                middle = (start + len(body)) // 2
                self.wfile.write(body[start:middle])
                self.server.hold.wait(30)
                self.wfile.write(body[middle:])
                return
            self.wfile.write(body[start:] if cut is None else body[start : start + cut])
            if cut is not None and len(body) - start > cut:
                self.close_connection = True

    def _send(self, status: int, body: bytes, with_body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)


@contextmanager
def serving(folder: Path, monkeypatch: pytest.MonkeyPatch, hub_id: str = "org/tiny") -> Iterator[Hub]:
    """A hub that has the model in `folder`, and pickled weights beside it; the library finds it, in processes too."""
    server = Hub(folder, hub_id)
    server.files["pytorch_model.bin"] = b"pickled"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    # The library writes and retries by 10 MB; the tiny model is smaller.
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", _BLOCK)
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
