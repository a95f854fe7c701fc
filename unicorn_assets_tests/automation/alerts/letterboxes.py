"""Real servers on loopback that take what alerts send: HTTP and SMTP, also such that misbehave."""

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

MANNERS = ("well", "refuses", "hangs", "drips", "closes", "nonsense")


@dataclass
class Box:
    """Where it listens, and what arrived: parsed JSON by HTTP, letters by SMTP."""

    port: int
    got: list[Any] = field(default_factory=list)


@contextmanager
def letterbox(protocol: str, manners: str = "well") -> Iterator[Box]:
    """A server that speaks `http` or `smtp`, with one of MANNERS; it ends with the context."""
    ended = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        timeout = 20

        def handle(self) -> None:
            try:
                {"http": self.http, "smtp": self.smtp}[protocol]()
            except OSError:
                return  # the other side went away

        def misbehave(self, refusal: bytes) -> None:
            if manners == "hangs":
                ended.wait()
            elif manners == "drips":
                while not ended.wait(0.05):
                    self.wfile.write(b"2")
            elif manners == "nonsense":
                self.wfile.write(b"\x00\xff no protocol at all\r\n\r\n")
            elif manners == "refuses":
                self.wfile.write(refusal)

        def http(self) -> None:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += self.rfile.readline()
            length = next(int(line.split(b":")[1]) for line in head.lower().splitlines() if b"content-length" in line)
            body = self.rfile.read(length)
            if manners != "well":
                return self.misbehave(b"HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n")
            box.got.append(json.loads(body))
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            return None

        def smtp(self) -> None:
            if manners != "well":
                return self.misbehave(b"554 no service\r\n")
            self.wfile.write(b"220 here\r\n")
            for line in self.rfile:
                word = line[:4].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    letter = b"".join(iter(self.rfile.readline, b".\r\n"))
                    box.got.append(letter.decode())
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
                if word == b"QUIT":
                    return None
            return None

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        box = Box(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield box
        finally:
            ended.set()
            server.shutdown()
            thread.join()


def closed_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
