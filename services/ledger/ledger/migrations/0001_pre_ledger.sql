-- SPDX-License-Identifier: EUPL-1.2
-- Receipts are only ever inserted. The leaf is kept as the text that was signed.
CREATE TABLE receipt (
  receipt_id uuid PRIMARY KEY,
  exchange_id uuid NOT NULL,
  side text NOT NULL,
  decision text NOT NULL,
  time timestamptz NOT NULL,
  writer text NOT NULL,
  envelope_digest text,
  leaf text NOT NULL,
  slot text NOT NULL,
  slot_seq bigint NOT NULL,
  person text,
  organisation text,
  case_id uuid,
  step text,
  certificate_version int,
  subject_key text,
  chain_seq bigint,
  previous text,
  subject_commit text,
  trace_id text,
  deadline timestamptz,
  key_counted boolean NOT NULL,  -- false: the writer's key was revoked, or not in force at that moment
  recorded_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX receipt_of_person ON receipt (person, exchange_id) WHERE person IS NOT NULL;
CREATE INDEX receipt_of_exchange ON receipt (exchange_id);
CREATE INDEX receipt_of_chain ON receipt (person, writer, chain_seq DESC) WHERE person IS NOT NULL;

-- Exchanges that still lack a side; a row goes when the last one comes. So the sweep never reads finished exchanges.
CREATE TABLE exchange_open (
  exchange_id uuid PRIMARY KEY,
  missing text[] NOT NULL,
  due_at timestamptz NOT NULL);
CREATE INDEX exchange_open_due ON exchange_open (due_at);

CREATE TABLE slot (slot text PRIMARY KEY, last bigint NOT NULL);
CREATE TABLE slot_gap (slot text NOT NULL, seq bigint NOT NULL, PRIMARY KEY (slot, seq));
