# SPDX-License-Identifier: EUPL-1.2
"""The HTTP edge, the same in the gateway and in every service: wire protocol, rules, one ASGI layer."""

from kit.edge.middleware import EdgeMiddleware
from kit.edge.rules import EdgeRules

__all__ = ["EdgeMiddleware", "EdgeRules"]
