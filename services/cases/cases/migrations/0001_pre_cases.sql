-- SPDX-License-Identifier: EUPL-1.2
-- A case, its steps, what each step needs, and the task that an office gets for it.
CREATE TABLE case_file (
  case_id uuid PRIMARY KEY,
  life_event text NOT NULL,
  applicant text NOT NULL,
  state text NOT NULL,
  input jsonb NOT NULL,
  uploads int NOT NULL,
  text_version text NOT NULL,
  opened_at timestamptz NOT NULL,
  closed_at timestamptz,
  proof_until timestamptz,
  event_seq bigint NOT NULL DEFAULT 0,
  step_event_seq bigint NOT NULL DEFAULT 0);
CREATE INDEX case_of_applicant ON case_file (applicant, opened_at DESC);

CREATE TABLE case_subject (
  case_id uuid NOT NULL REFERENCES case_file,
  name text NOT NULL,
  position int NOT NULL,
  person text NOT NULL,
  PRIMARY KEY (case_id, name, position));

CREATE TABLE step (
  step_id uuid PRIMARY KEY,
  case_id uuid NOT NULL REFERENCES case_file,
  step text NOT NULL,
  office text NOT NULL,
  service text NOT NULL,
  mode text NOT NULL,
  after_steps text[] NOT NULL,
  needs_count int NOT NULL DEFAULT 0,
  issues jsonb NOT NULL,
  state text NOT NULL,
  deadline timestamptz,
  case_proof text,
  task_id uuid UNIQUE,
  task_exchange_id uuid,
  certificate_id uuid,
  code text,
  UNIQUE (case_id, step, office));
CREATE INDEX step_waiting ON step (case_id) WHERE state = 'waiting';
CREATE INDEX step_to_seal ON step (task_id) WHERE state = 'ready';

-- body: the exact bytes of the ask, so that a repeat after a crash is the same request.
CREATE TABLE need (
  ask_id uuid PRIMARY KEY,
  step_id uuid NOT NULL REFERENCES step,
  position int NOT NULL,
  type text NOT NULL,
  subject_name text NOT NULL,
  subject_position int NOT NULL,
  proves text,
  exchange_id uuid NOT NULL UNIQUE,
  salt text NOT NULL,
  body bytea,
  state text NOT NULL,
  request_id uuid,
  code text,
  UNIQUE (step_id, position));
CREATE INDEX need_unsent ON need (ask_id) WHERE state = 'unsent';

CREATE TABLE alias (
  subject text NOT NULL,
  party text NOT NULL,
  use text NOT NULL,
  alias text NOT NULL,
  PRIMARY KEY (subject, party, use));

-- The holder's alias as the case proof names it: the task carries the very same text.
CREATE TABLE issue_alias (
  step_id uuid NOT NULL REFERENCES step,
  type text NOT NULL,
  alias text NOT NULL,
  PRIMARY KEY (step_id, type));

CREATE TABLE demand (
  demand_id uuid PRIMARY KEY,
  task_id uuid NOT NULL,
  proves text NOT NULL,
  entry text NOT NULL,
  made_at timestamptz NOT NULL);
