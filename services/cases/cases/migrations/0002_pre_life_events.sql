-- SPDX-License-Identifier: EUPL-1.2
-- Life events of many steps: organisations as subjects, alternatives of a need, visits, commitments, silence, withdrawal.
ALTER TABLE case_file
  ADD COLUMN lead text NOT NULL DEFAULT '',
  ADD COLUMN withdrawn_at timestamptz;

-- Exactly one of the two, once known: an organisation that a step founds has neither before.
ALTER TABLE case_subject
  ALTER COLUMN person DROP NOT NULL,
  ADD COLUMN organisation text;

ALTER TABLE step
  ADD COLUMN accountable text NOT NULL DEFAULT '',
  ADD COLUMN input_fields text[] NOT NULL DEFAULT '{}',
  ADD COLUMN commitment text,
  ADD COLUMN visit text,
  ADD COLUMN visit_on date,
  ADD COLUMN on_refusal text NOT NULL DEFAULT 'dependents',
  ADD COLUMN on_withdrawal text NOT NULL DEFAULT 'keep',
  ADD COLUMN tasked_at timestamptz,
  ADD COLUMN ended_at timestamptz,
  ADD COLUMN deemed boolean NOT NULL DEFAULT false,
  ADD COLUMN escalated_at timestamptz,
  ADD COLUMN task_seq int NOT NULL DEFAULT 0,
  ADD COLUMN reason text;
-- What the clock looks at: tasks that are open, by the end of their time.
CREATE INDEX step_clock ON step (deadline) WHERE state = 'tasked';

-- The certificates that a step led to; a step may issue several.
CREATE TABLE step_certificate (
  step_id uuid NOT NULL REFERENCES step,
  certificate_id uuid NOT NULL,
  type text NOT NULL,
  version int NOT NULL,
  PRIMARY KEY (step_id, certificate_id));

-- alternatives: types that are asked next where this one has no record, in order.
ALTER TABLE need ADD COLUMN alternatives text[] NOT NULL DEFAULT '{}';

-- Papers that an office wanted of the applicant and the gate refused.
CREATE TABLE demand_refused (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  case_id uuid NOT NULL,
  task_id uuid NOT NULL,
  proves text NOT NULL,
  code text NOT NULL,
  at timestamptz NOT NULL);
CREATE INDEX demand_refused_case ON demand_refused (case_id);
CREATE INDEX demand_task ON demand (task_id);

-- Persons whose promise proved false: no commitment before that day.
CREATE TABLE barred (
  person text PRIMARY KEY,
  until date NOT NULL,
  case_id uuid NOT NULL);
