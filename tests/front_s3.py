"""What stands before a moto server's S3: notes each request, and does to some of them what a test tells it to."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LOST = object()
"""The request is passed on, and its answer is not."""
LATE = object()
"""The request is passed on, and refused all the same: what was asked for is done, and nobody knows."""
CUT = object()
"""The answer ends in the middle."""


def error(status: int, code: str, message: str = "said so", **headers: str) -> tuple[int, str, dict[str, str]]:
    return status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>", headers


@dataclass
class Asked:
    """A request: its method, the object's key with the bucket before it, its query and headers."""

    method: str
    key: str
    query: str
    headers: dict[str, str]


@dataclass
class Front:
    """`script` says what becomes of a request: None passes it on, LOST, LATE, CUT, or what `error` gives."""

    url: str
    moto: str
    script: Callable[[Asked], object] = lambda asked: None
    asked: list[Asked] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reset(self) -> None:
        self.script = lambda asked: None
        self.asked.clear()

    def keys(self, method: str) -> list[str]:
        return [each.key for each in self.asked if each.method == method]

    def once(self, method: str, key: str, answer: object) -> None:
        """Do something to the first such request only."""
        left = [answer]

        def script(asked):
            with self.lock:
                return left.pop() if left and asked.method == method and asked.key.endswith(key) else None

        self.script = script


@contextmanager
def serve(moto: str) -> Iterator[Front]:
    behind = urlsplit(moto)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path, _, query = self.path.partition("?")
            asked = Asked(self.command, unquote(path[1:]), query, {k.lower(): v for k, v in self.headers.items()})
            front.asked.append(asked)
            told = front.script(asked)
            if isinstance(told, tuple):
                status, text, headers = told
                self.send(status, {**headers, "Content-Type": "application/xml"}, text.encode())
                return
            connection = http.client.HTTPConnection(behind.hostname, behind.port, timeout=60)
            try:
                connection.request(self.command, self.path, body, dict(self.headers))
                response = connection.getresponse()
                data, headers = response.read(), dict(response.getheaders())
            finally:
                connection.close()
            if told is LOST:
                self.close_connection = True
            elif told is LATE:
                self.send(403, {"Content-Type": "application/xml"}, error(403, "AccessDenied")[1].encode())
            else:
                self.send(response.status, headers, data, half=told is CUT)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

        def send(self, status, headers, data, *, half=False) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(data))
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[: len(data) // 2] if half else data)
            self.close_connection = self.close_connection or half

        def handle_expect_100(self):
            super().handle_expect_100()
            self.wfile.flush()  # else the client waits for a second
            return True

        def log_message(self, *_) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    front = Front(f"http://127.0.0.1:{server.server_port}", moto)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield front
    finally:
        server.shutdown()
        server.server_close()
