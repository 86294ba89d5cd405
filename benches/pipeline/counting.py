"""A relay in front of a server that counts the requests that pass through it."""

import socket
import threading

# The end of a request's first line.
REQUEST = b" HTTP/1.1\r\n"


class Relay:
    """Listens at `port` and hands everything on; its threads end with the process."""

    def __init__(self, server_port):
        self.server_port, self.requests, self.lock = server_port, 0, threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.server_port))
            for source, sink, counts in ((client, server, True), (server, client, False)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.hand_on, args=(source, sink, counts), daemon=True).start()

    def hand_on(self, source, sink, counts):
        before = b""
        try:
            while piece := source.recv(1 << 16):
                if counts:
                    # One that is cut in two is seen with the rest of it.
                    found = (before + piece).count(REQUEST)
                    before = piece[-len(REQUEST) + 1:]
                    with self.lock:
                        self.requests += found
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()
            sink.close()
