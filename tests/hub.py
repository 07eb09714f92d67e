"""A local server with the part of the Hub's protocol that a pull and a push need."""

import base64
import hashlib
import json
import mmap
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

_SHA = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_of_the_tests"
"""The access token of `USER`."""
USER = "reader"

_BLOCK = 4096
_LARGE = 10_000_000
"""Files from this size, in bytes, are read only on request."""


class Repository:
    """The files of one model on the server, and whether it is private."""

    def __init__(self, files: Mapping[str, Any], is_private: bool = False) -> None:
        self.files = dict(files)
        self.is_private = is_private


class Hub(ThreadingHTTPServer):
    """Serves repositories, at first the one in `folder`, whose files are in `files`.

    While `cut` is set, a file breaks off after that many bytes; while `hold` is set, a long file stops in the middle.
    `claims` are sizes announced before a file is fetched, `commits` the messages of pushes, and `data_sets` data sets
    with their files by name. With `signs`, weights are on another host, at addresses that expire once one of them was
    fetched; `strangers` are the authorization headers that this host received.
    """

    daemon_threads = True

    def __init__(self, folder: Path, hub_id: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub_id = hub_id
        self.repositories = {
            hub_id: Repository({path.name: _read(path) for path in folder.iterdir() if path.is_file()})
        }
        self.files = self.repositories[hub_id].files
        self.tags = {name: hashlib.sha256(body).hexdigest() for name, body in self.files.items()}
        self.cut: int | None = None
        self.breaks = False
        self.hold: threading.Event | None = None
        self.ranges: list[str] = []
        self.claims: dict[str, int] = {}
        self.commits: list[str] = []
        self.stored: dict[str, bytes] = {}
        self.signs = False
        self.keys: dict[str, str] = {}
        self.strangers: list[str | None] = []
        self.data_sets: dict[str, dict[str, bytes]] = {}

    @property
    def address(self) -> str:
        """The server's URL."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = unquote(self.path.partition("?")[0])
        if not self._is_known():
            self._refuse(401, "Unauthorized")
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            self._send_json({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            files = [
                {"path": row["path"], "uploadMode": _mode(row["path"]), "shouldIgnore": False}
                for row in json.loads(body)["files"]
            ]
            self._send_json({"files": files})
        elif path.endswith(".git/info/lfs/objects/batch"):
            self._send_json({"transfer": "basic", "objects": [self._place(row) for row in json.loads(body)["objects"]]})
        elif "/commit/" in path:
            self._commit(path.removeprefix("/api/models/").partition("/commit/")[0], body)
        else:
            self._refuse(404, "EntryNotFound")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.stored[hashlib.sha256(body).hexdigest()] = body
        self._send(200, b"", True)

    def _is_known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _create(self, asked: Mapping[str, Any]) -> None:
        hub_id = f"{asked.get('organization') or USER}/{asked['name']}"
        is_new = hub_id not in self.server.repositories
        if is_new:
            self.server.repositories[hub_id] = Repository({}, asked.get("visibility") == "private")
        told = {"url": f"{self.server.address}/{hub_id}", "id": hub_id}
        self._send(200 if is_new else 409, json.dumps(told).encode(), True)

    def _place(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The upload address for a large file, none if it is stored already."""
        if row["oid"] in self.server.stored:
            return dict(row)
        return {**row, "actions": {"upload": {"href": f"{self.server.address}/stored/{row['oid']}"}}}

    def _commit(self, hub_id: str, body: bytes) -> None:
        files = self.server.repositories[hub_id].files
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                self.server.commits.append(value["summary"])
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.stored[value["oid"]]
        self._send_json({"commitUrl": f"{self.server.address}/{hub_id}/commit/{_SHA}", "commitOid": _SHA})

    def _answer(self, with_body: bool) -> None:
        path = unquote(self.path.partition("?")[0])
        if path == "/api/whoami-v2":
            if self._is_known():
                self._send_json({"name": USER, "type": "user", "orgs": []})
            else:
                self._refuse(401, "Unauthorized")
            return
        if path.startswith("/signed/"):
            self._send_signed(path, with_body)
            return
        if self._answer_data_set(path, with_body):
            return
        for hub_id, repository in self.server.repositories.items():
            if repository.is_private and not self._is_known():
                continue
            if path in (f"/api/models/{hub_id}", f"/api/models/{hub_id}/revision/{_SHA}"):
                siblings = [{"rfilename": name} for name in repository.files]
                facts = {"siblings": siblings, "tags": ["license:apache-2.0"], "private": repository.is_private}
                self._send_json({"id": hub_id, "sha": _SHA, **facts}, with_body)
                return
            name = path.removeprefix(f"/{hub_id}/resolve/{_SHA}/")
            if name != path and name in repository.files:
                if self.server.signs and name.endswith(".safetensors"):
                    self._redirect(name, repository.files[name])
                else:
                    self._send_file(name, repository.files[name], with_body)
                return
        self._refuse(404, "RepoNotFound")

    def _redirect(self, name: str, content: Any) -> None:
        key = f"key{len(self.server.keys)}"
        self.server.keys[key] = name
        self.send_response(302)
        self.send_header("Location", f"http://localhost:{self.server.server_port}/signed/{key}/{name}")
        self.send_header("X-Linked-ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Linked-Size", str(len(content)))
        self.send_header("X-Repo-Commit", _SHA)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_signed(self, path: str, with_body: bool) -> None:
        _, _, key, name = path.split("/")
        self.server.strangers.append(self.headers.get("Authorization"))
        if self.server.keys.get(key) != name:
            self._refuse(403, "")
            return
        self._send_file(name, self.server.files[name], with_body)
        self.server.keys = dict.fromkeys(self.server.keys, "")

    def _answer_data_set(self, path: str, with_body: bool) -> bool:
        """Answer if the path belongs to a data set; False if not."""
        for hub_id, files in self.server.data_sets.items():
            tree = [
                {"type": "file", "path": name, "size": len(body), "oid": _git(body)} for name, body in files.items()
            ]
            name = path.rpartition("/")[2]
            if path.startswith(f"/api/datasets/{hub_id}/tree/"):
                # List the top folder, or the folder "data", which the data set lacks.
                self._send_json([] if name == "data" else tree, with_body)
            elif path.startswith(f"/api/datasets/{hub_id}"):
                self._send_json({"id": hub_id, "sha": _SHA, "siblings": [{"rfilename": name} for name in files]})
            elif path.startswith(f"/datasets/{hub_id}/resolve/") and name in files:
                self.send_response(200)
                self.send_header("ETag", f'"{_git(files[name])}"')
                self.send_header("X-Repo-Commit", _SHA)
                self.send_header("Content-Length", str(len(files[name])))
                self.end_headers()
                if with_body:
                    self.wfile.write(files[name])
            elif path.startswith(f"/datasets/{hub_id}/resolve/"):
                self._refuse(404, "EntryNotFound")
            else:
                continue
            return True
        return False

    def _send_file(self, name: str, content: Any, with_body: bool) -> None:
        body = memoryview(content)
        start = 0
        if wanted := self.headers.get("Range"):
            self.server.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
        if start and self.server.breaks:
            # The network stays down: the library's own retry fails too.
            self.send_error(503)
            return
        self.send_response(206 if start else 200)
        is_first = content is self.server.files.get(name)
        tag = self.server.tags.get(name, name) if is_first else hashlib.sha256(body).hexdigest()
        self.send_header("ETag", f'"{tag}"')
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

    def _send_json(self, content: Any, with_body: bool = True) -> None:
        self._send(200, json.dumps(content).encode(), with_body)

    def _send(self, status: int, body: bytes, with_body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _git(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


def _mode(name: str) -> str:
    """The upload mode by a new repository's .gitattributes: LFS for weights and sentencepiece models."""
    return "lfs" if name.endswith((".safetensors", ".bin", ".model")) else "regular"


def _read(path: Path) -> Any:
    """The file's bytes, memory-mapped if it is large."""
    if path.stat().st_size < _LARGE:
        return path.read_bytes()
    with path.open("rb") as stream:
        return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))


@contextmanager
def running(folder: Path, hub_id: str) -> Iterator[Hub]:
    """A context with a running hub that has the model in `folder`."""
    server = Hub(folder, hub_id)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def serving(folder: Path, monkeypatch: pytest.MonkeyPatch, hub_id: str = "org/tiny") -> Iterator[Hub]:
    """A running hub that also has pickled weights, and that huggingface_hub uses, in child processes too."""
    with running(folder, hub_id) as server:
        server.files["pytorch_model.bin"] = b"pickled"
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        # The library writes and retries in blocks of 10 MB; the tiny model is smaller.
        monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", _BLOCK)
        yield server
