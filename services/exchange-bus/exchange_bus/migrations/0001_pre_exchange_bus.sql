-- SPDX-License-Identifier: EUPL-1.2
-- exchange-bus: catalogue, directory, evidence requests, deliveries, proof demands and the journal of evidence.

CREATE TABLE catalogue_release (
  release int PRIMARY KEY,
  digest bytea NOT NULL,                      -- of all entries: the same set again is the same release
  entries int NOT NULL,
  manifest text NOT NULL,                     -- the JWS as published
  released_at timestamptz NOT NULL
);
CREATE TABLE catalogue_entry (                -- insert only: a change of the law is a new version beside the old one
  key text COLLATE "C" PRIMARY KEY,           -- kind/id/version
  release int NOT NULL REFERENCES catalogue_release,
  digest text NOT NULL,
  content bytea NOT NULL
);

CREATE TABLE holding (                        -- the directory: who holds what about whom; rebuilt from the bus
  certificate_id uuid PRIMARY KEY,
  type text NOT NULL,
  office text NOT NULL,
  version int NOT NULL,
  status char(2) NOT NULL,
  valid_from date NOT NULL,
  valid_to date,
  person text,                                -- the platform's pseudonym
  organisation text,
  CHECK ((person IS NULL) <> (organisation IS NULL))
);
CREATE INDEX holding_person ON holding (person, type) WHERE person IS NOT NULL;
CREATE INDEX holding_organisation ON holding (organisation, type) WHERE organisation IS NOT NULL;

CREATE TABLE evidence_request (
  request_id uuid PRIMARY KEY,
  exchange_id uuid NOT NULL,
  case_id uuid NOT NULL,
  step text NOT NULL,
  asker text NOT NULL,
  asker_system text NOT NULL,
  holder text NOT NULL,
  type text NOT NULL,
  fields text[] NOT NULL,
  purpose text NOT NULL,
  basis text NOT NULL,
  entry text NOT NULL,
  release int NOT NULL,
  grant_id text NOT NULL,
  state text NOT NULL,
  code text,
  event_seq bigint NOT NULL,
  recorded_at timestamptz NOT NULL,
  deadline timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX evidence_request_open ON evidence_request (exchange_id)
  WHERE state IN ('waiting', 'previewing', 'deferred');
CREATE INDEX evidence_request_deadline ON evidence_request (deadline)
  WHERE state IN ('waiting', 'previewing', 'deferred');
CREATE INDEX evidence_request_case ON evidence_request (case_id)
  WHERE state IN ('waiting', 'previewing', 'deferred');

CREATE TABLE closed_case (                    -- until the last proof of the case has ended by itself
  case_id uuid PRIMARY KEY,
  keep_until timestamptz NOT NULL
);

CREATE TABLE inbox_counter (office text PRIMARY KEY, last_seq bigint NOT NULL) WITH (fillfactor = 50);
CREATE TABLE delivery (
  delivery_id uuid PRIMARY KEY,
  office text NOT NULL,
  seq bigint NOT NULL,                        -- grows per office, in the order of commits
  event_id uuid NOT NULL,
  kind text NOT NULL,
  key text NOT NULL,
  keyseq bigint NOT NULL,
  event_at timestamptz NOT NULL,
  attributes jsonb NOT NULL,
  traceparent text,
  envelope text,                              -- gone once the office said that it has it; the rest stays
  digest text NOT NULL,
  delivered_at timestamptz NOT NULL,
  acknowledged_at timestamptz,
  UNIQUE (office, seq),
  UNIQUE (office, event_id)
);
CREATE INDEX delivery_open ON delivery (office, seq) WHERE acknowledged_at IS NULL;
CREATE INDEX delivery_answer ON delivery (key) WHERE kind = 'answer';

CREATE TABLE proof_demand (                   -- insert only; refusals are public figures per office
  demand_id uuid PRIMARY KEY,
  demanded_at timestamptz NOT NULL,
  asked_by text NOT NULL,
  service text NOT NULL,
  step text,
  proves text NOT NULL,
  cites text,
  case_id uuid,
  code text NOT NULL,
  entry text,
  release int NOT NULL
);

CREATE TABLE evidence_event (                 -- the journal of evidence
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL,
  type text NOT NULL,
  exchange_id uuid,
  request_id uuid,
  case_id uuid,
  event_id uuid,
  asker text,
  holder text,
  step text,
  entry text,
  release int,
  evidence_type text,
  digest text,
  code text,
  rule text,
  trace_id text
);
CREATE INDEX evidence_event_request ON evidence_event (request_id) WHERE request_id IS NOT NULL;

-- What was written stays as it was written, whoever holds this service's password. A purge is an operator's own role.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER evidence_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence_event
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER catalogue_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON catalogue_entry
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER proof_demand_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proof_demand
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
