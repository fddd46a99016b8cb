"""The payments host: charges cards over TLS, and waits as long as its provider does."""

from __future__ import annotations

import itertools
import ssl
import threading
import time
from http.server import ThreadingHTTPServer

from service import Answers, log

SLOW_S = 1.0
FAULTS = {"stall": 0.0}
CHARGED = itertools.count(1)


class Handler(Answers):
    """Answers /charge and /faults."""

    def answer(self) -> None:
        """Charges, or takes a fault."""
        path, _, query = self.path.partition("?")
        if path == "/faults":
            set_stall(float(query.partition("=")[2]))
        else:
            wait_for_provider(query)
        self.reply(200, {})

    do_GET = answer  # noqa: N815


def set_stall(seconds: float) -> None:
    """Makes the provider answer late, or in time again; the link's own monitor notices."""
    before, FAULTS["stall"] = FAULTS["stall"], seconds
    if seconds > before:
        log("ERROR", f"provider link stalled: no answer within {SLOW_S:.0f} s, outstanding charges are kept")
    elif seconds < before:
        log("INFO", "provider link restored, settling outstanding charges")


def wait_for_provider(query: str) -> None:
    """Waits for the provider."""
    if FAULTS["stall"]:
        time.sleep(FAULTS["stall"])
        log("WARN", f"charge took {FAULTS['stall']:.1f} s", order=query.partition("=")[2])
    charged = next(CHARGED)
    if charged % 100 == 0:
        log("INFO", "charges settled", batch=charged // 100)


def serve_tls() -> None:
    """Serves with the certificate that lies there now; it is read again by a restart only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/opt/tls/payments.pem", "/opt/tls/payments.key")
    server = TlsServer(("10.0.30.31", 8443), Handler)
    server.context = context
    server.serve_forever()


class TlsServer(ThreadingHTTPServer):
    """Shakes hands in the thread of the connection."""

    context: ssl.SSLContext
    daemon_threads = True

    def finish_request(self, request: object, client_address: object) -> None:
        """Shakes hands, then serves; a client that hangs up is one line."""
        try:
            with self.context.wrap_socket(request, server_side=True) as channel:
                super().finish_request(channel, client_address)
        except OSError as error:
            log("WARN", f"TLS handshake or connection failed: {error}")


def main() -> None:
    """Serves until it is told to stop."""
    log("INFO", "payments started", version="3.2.0")
    threading.Thread(target=serve_tls, daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", 8090), Handler).serve_forever()


if __name__ == "__main__":
    main()
