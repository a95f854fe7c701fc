"""A server below HTTP: a thread on loopback that sends the bytes a test gives it, whatever they are."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Send = Callable[[socket.socket], None]


@contextmanager
def raw_server(send: Send, requests: list[bytes] | None = None) -> Iterator[str]:
    """Base URL of a server that reads each request whole, keeps it in `requests`, and lets `send` do the rest."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_ones: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(10)
            received = _request(connection)
            if requests is not None:
                requests.append(received)
            send(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                open_ones.append(connection)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in open_ones:
            connection.close()


def _request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def reply(status: int, body: bytes | str, *headers: str, length: int | None = None) -> Send:
    """One whole response, then the connection is closed."""
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} X", "Connection: close", f"Content-Length: {len(raw) if length is None else length}"]
    head = "\r\n".join([*lines, *headers]).encode("latin-1") + b"\r\n\r\n"
    return lambda connection: connection.sendall(head + raw)


def raw(data: bytes) -> Send:
    """Bytes as they are, then the connection is closed."""
    return lambda connection: connection.sendall(data)
