# SPDX-License-Identifier: EUPL-1.2
"""Catalogue, directory, evidence requests, the gate, deliveries."""
