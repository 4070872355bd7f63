"""A stand-in for the Hugging Face hub on loopback: it serves folders as repositories, and fails as the hub does.

It implements the requests that `huggingface_hub` makes: information on a revision, the list of its files, and each
file with its commit, checksum and size, in parts if the client asks for a range. A test that loads by name writes:

    with StandIn() as hub:
        hub.add("owner/name", folder)
        hub.use(monkeypatch, cache)

A test that needs a fresh interpreter starts a subprocess with the variables `hub.environment(cache)`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha1, sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest

LARGE = (".safetensors", ".bin", ".npz", ".parquet", ".model")
"""Endings of the files that the hub stores in LFS and names by their SHA-256."""


@dataclass
class Repository:
    """A folder that is served, and its faults."""

    folder: Path
    gated: bool = False
    """Files are only for tokens in `readers`."""
    readers: tuple[str, ...] = ()
    cut: dict[str, int] = field(default_factory=dict)
    """File to the number of bytes after which its first answer ends."""
    down: bool = False
    """Every request gets status 503."""
    garbled: set[str] = field(default_factory=set)
    """Files whose bytes do not fit their checksum."""

    @property
    def files(self) -> dict[str, bytes]:
        """Content by path."""
        files = sorted(file for file in self.folder.rglob("*") if file.is_file())
        return {file.relative_to(self.folder).as_posix(): file.read_bytes() for file in files}

    @property
    def commit(self) -> str:
        """Hash of the content, in the form of a git commit."""
        digest = sha1()
        for path, content in self.files.items():
            digest.update(path.encode() + b"\0" + sha1(content).digest())
        return digest.hexdigest()


class StandIn:
    """The server; it stops when the block ends."""

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.requests: list[tuple[str, str, str]] = []
        """Method, path and Range of every request."""

    def __enter__(self) -> "StandIn":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def add(self, name: str, folder: Path, kind: str = "model", **options: object) -> Repository:
        """Serve a folder as a repository; its options may be changed while it is served."""
        self.repositories[kind, name] = Repository(folder, **options)  # pyright: ignore[reportArgumentType]
        return self.repositories[kind, name]

    def fetched(self) -> list[str]:
        """Paths of the files whose content was requested."""
        return [
            path.split("/resolve/")[1].split("/", 1)[1]
            for method, path, _ in self.requests
            if method == "GET" and "/resolve/" in path
        ]

    def environment(self, cache: Path, **more: str) -> dict[str, str]:
        """Environment variables that point a new interpreter at this hub."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HUB_CACHE": str(cache),
            "HF_HUB_OFFLINE": "0",
            "HF_TOKEN_PATH": str(cache / "no-token"),
            "HF_HUB_DISABLE_XET": "1",
            **more,
        }

    def use(self, monkeypatch: pytest.MonkeyPatch, cache: Path, token: str = "") -> None:
        """Point this interpreter at the hub, although the tests run without a network."""
        point(monkeypatch, self.url, cache, token)


def point(monkeypatch: pytest.MonkeyPatch, url: str, cache: Path, token: str = "", offline: bool = False) -> None:
    """Point huggingface_hub at an address and a cache."""
    from huggingface_hub import constants, hf_api

    values: Mapping[str, object] = {
        "ENDPOINT": url,
        "HF_HUB_OFFLINE": offline,
        "HF_HUB_CACHE": str(cache),
        "HF_TOKEN_PATH": str(cache / "no-token"),
        "HUGGINGFACE_CO_URL_TEMPLATE": url + "/{repo_id}/resolve/{revision}/{filename}",
    }
    for name, value in values.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setattr(hf_api.api, "endpoint", url)
    monkeypatch.setenv("HF_ENDPOINT", url)
    monkeypatch.setenv("HF_TOKEN", token) if token else monkeypatch.delenv("HF_TOKEN", raising=False)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, hub: StandIn, *arguments: object) -> None:
        self.hub = hub
        super().__init__(*arguments)  # pyright: ignore[reportArgumentType]

    def log_message(self, format: str, *arguments: object) -> None:
        """Log nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path, self.headers.get("Range", "")))
        parts = path.strip("/").split("/")
        kind = "model"
        if parts[0] == "api":
            kind, parts = parts[1].removesuffix("s"), parts[2:]
        elif parts[0] == "datasets":
            kind, parts = "dataset", parts[1:]
        repository = self.hub.repositories.get((kind, "/".join(parts[:2])))
        if repository is None:
            return self._refuse(401, "RepoNotFound", "Invalid username or password.")
        if repository.down:
            return self._refuse(503, "", "Service unavailable")
        verb, revision = (*parts[2:4], "main")[:2] if len(parts) > 3 else ("revision", "main")
        if revision not in ("main", repository.commit):
            return self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if verb == "tree":
            return self._json([_listed(name, content) for name, content in repository.files.items()])
        if verb == "resolve":
            return self._file(repository, "/".join(parts[4:]))
        siblings = [{"rfilename": name} for name in repository.files]
        return self._json({"id": "/".join(parts[:2]), "sha": repository.commit, "siblings": siblings, "tags": []})

    def _file(self, repository: Repository, name: str) -> None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if repository.gated and token not in repository.readers:
            return self._refuse(403 if token else 401, "GatedRepo", "Access to this model is restricted.")
        content = repository.files.get(name)
        if content is None:
            return self._refuse(404, "EntryNotFound", "Entry not found")
        headers = {
            "X-Repo-Commit": repository.commit,
            "ETag": f'"{_checksum(name, content)}"',
            "Accept-Ranges": "bytes",
        }
        if name.endswith(LARGE):
            headers |= {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(len(content))}
        if name in repository.garbled:
            content = bytes(byte ^ 1 for byte in content)
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self._send(
            206 if first else 200,
            content[first:],
            headers,
            repository.cut.pop(name, None) if self.command == "GET" else None,
        )

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._send(status, b"", {"X-Error-Code": code, "X-Error-Message": message})

    def _send(self, status: int, content: bytes, headers: Mapping[str, str], most: int | None = None) -> None:
        self.send_response(HTTPStatus(status))
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[:most])
        if most is not None:
            self.close_connection = True


def _checksum(name: str, content: bytes) -> str:
    return (
        sha256(content).hexdigest() if name.endswith(LARGE) else sha1(b"blob %d\0" % len(content) + content).hexdigest()
    )


def _listed(name: str, content: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "path": name, "size": len(content), "oid": _checksum(name, content)}
    if name.endswith(LARGE):
        entry["lfs"] = {"oid": _checksum(name, content), "size": len(content), "pointerSize": 130}
    return entry
