-- A request for evidence is answered once, whatever the bus brings: a copy under another source has a count of its own.
CREATE UNIQUE INDEX evidence_event_received_once ON evidence_event (holder, request_id) WHERE type = 'request-received';
