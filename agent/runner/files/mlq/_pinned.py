"""HTTPS to a server that is known by its certificate's fingerprint.

For jobs, whose environment need not have urllib3.
"""

from __future__ import annotations

import hashlib
import http.client
import ssl
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
            raise ssl.SSLCertVerificationError(
                "the server has another certificate than the one that was named"
            )


def connection(host: str, port: int | None, fingerprint: str) -> http.client.HTTPSConnection:
    """A connection to that one certificate, whoever signed it. SHA-256, 64 hex digits."""
    return _Connection(host, port=port, fingerprint=fingerprint, context=_unverified())


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
