"""A Kubernetes API server on loopback, with a certificate of its own authority."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import trustme
from kubernetes_objects import CLUSTER, estate

from scanner.kubernetes_objects import KINDS

PATHS = {path: kind for kind in KINDS.values() for path in kind.paths}
TRICKLE = "trickle"
"""An answer that never ends."""


class ApiServer:
    """A running API server.  `script` maps a kind's name and its query to (status, body, headers), or None."""

    def __init__(self, port: int, authority: trustme.CA) -> None:
        self.cluster = {
            "name": "shop",
            "arn": CLUSTER,
            "endpoint": f"https://127.0.0.1:{port}",
            "certificateAuthority": {"data": base64.b64encode(authority.cert_pem.bytes()).decode()},
        }
        self.reset()

    def reset(self) -> None:
        self.things = estate()
        self.script: Callable[[str, dict], tuple | str | None] = lambda kind, query: None
        self.asked: list[tuple[str, str, dict]] = []
        self.tokens: list[str] = []

    def answer(self, method: str, path: str, authorization: str) -> tuple | str:
        split = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(split.query).items()}
        kind = PATHS[split.path]
        self.asked.append((method, kind.name, query))
        self.tokens.append(authorization)
        return self.script(kind.name, query) or self.page(kind.name)

    def page(self, name: str, items: list | None = None, following: str = "") -> tuple:
        found = [item for item in self.things if item["kind"] == name] if items is None else items
        untyped = [{key: value for key, value in item.items() if key not in ("kind", "apiVersion")} for item in found]
        metadata = {"resourceVersion": "7", **({"continue": following} if following else {})}
        return 200, json.dumps({"kind": f"{name}List", "metadata": metadata, "items": untyped}), {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet, or each answer waits for a delayed ACK
    stub: ApiServer

    def do_GET(self) -> None:
        answer = self.stub.answer(self.command, self.path, self.headers.get("Authorization", ""))
        try:
            if answer == TRICKLE:
                self._trickle()
                return
            status, body, headers = answer
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())
            self.close_connection = "Content-Length" in headers  # it is a wrong one
        except OSError:
            self.close_connection = True

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET

    def _trickle(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000000")
        self.end_headers()
        while True:
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.01)

    def log_message(self, *_) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(("127.0.0.1", 0), type("Handler", (_Handler,), {}))

    def finish_request(self, request, client_address) -> None:
        try:
            with self._context.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)
        except OSError:
            pass  # the client did not trust us

    def handle_error(self, request, client_address) -> None:
        pass


@contextmanager
def serve() -> Iterator[ApiServer]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = _Server(context)
    stub = server.RequestHandlerClass.stub = ApiServer(server.server_port, authority)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
