# SPDX-License-Identifier: EUPL-1.2
"""HTTP as a caller: between our services, for the gateway, and in tests. The only place that knows the HTTP library."""

from kit.http.answers import HttpAnswer, raise_for_problem
from kit.http.client import ServiceClient
from kit.http.forwarding import HOP_BY_HOP, Forwarder
from kit.http.inprocess import asgi_client

__all__ = ["HOP_BY_HOP", "Forwarder", "HttpAnswer", "ServiceClient", "asgi_client", "raise_for_problem"]
