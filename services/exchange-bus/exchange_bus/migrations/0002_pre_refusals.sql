-- SPDX-License-Identifier: EUPL-1.2
-- Public figures of what the gates refused are counted from the rows themselves, by index alone.
CREATE INDEX proof_demand_refused ON proof_demand (asked_by, code, proves) WHERE code <> 'ACCEPTED';
CREATE INDEX evidence_event_refused ON evidence_event (asker, code, evidence_type) WHERE type = 'request-refused';
