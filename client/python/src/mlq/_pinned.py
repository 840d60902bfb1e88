"""HTTPS for urllib to a server that is known by its certificate's fingerprint.

For jobs, whose environment need not have urllib3.
"""

from __future__ import annotations

import hashlib
import http.client
import ssl
import urllib.request
from typing import Any


class _Connection(http.client.HTTPSConnection):
    """Compares the certificate before anything is sent."""

    def __init__(self, host: str, *, fingerprint: str, **options: Any) -> None:
        super().__init__(host, **options)
        self._fingerprint = fingerprint

    def connect(self) -> None:
        super().connect()
        certificate = self.sock.getpeercert(binary_form=True) or b""
        if hashlib.sha256(certificate).hexdigest() != self._fingerprint:
            self.close()
            raise ssl.SSLError("the server has another certificate than the one that was named")


def connection(host: str, port: int | None, fingerprint: str) -> http.client.HTTPSConnection:
    """A connection to that one certificate, whoever signed it. SHA-256, 64 hex digits."""
    return _Connection(host, port=port, fingerprint=fingerprint, context=_unverified())


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Handler(urllib.request.HTTPSHandler):
    """Takes that one certificate, whoever signed it. ``fingerprint``: SHA-256, 64 hex digits."""

    def __init__(self, fingerprint: str) -> None:
        context = _unverified()
        super().__init__(context=context)
        self._pin, self._options = fingerprint, {"context": context}

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """As urllib does, over a connection that compares."""

        def connection(host: str, **options: Any) -> http.client.HTTPSConnection:
            return _Connection(host, fingerprint=self._pin, **options)

        return self.do_open(connection, req, **self._options)
