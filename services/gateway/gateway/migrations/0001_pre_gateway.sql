-- SPDX-License-Identifier: EUPL-1.2
-- Proofs of possession that were used (RFC 9449, section 11.1), shared by all processes of the gateway.
CREATE TABLE used_proof (name text PRIMARY KEY, until timestamptz NOT NULL);
CREATE INDEX used_proof_until ON used_proof (until);
