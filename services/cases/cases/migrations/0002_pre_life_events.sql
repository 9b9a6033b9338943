-- SPDX-License-Identifier: EUPL-1.2
-- Life events of many steps: organisations as subjects, alternatives of a need, visits, commitments, silence, withdrawal.
ALTER TABLE case_file
  ADD COLUMN lead text NOT NULL DEFAULT '',
  ADD COLUMN withdrawn_at timestamptz;

-- Exactly one of the two, once known: an organisation that a step founds has neither before.
ALTER TABLE case_subject
  ALTER COLUMN person DROP NOT NULL,
  ADD COLUMN organisation text;

-- wants: the step's needs as the life event stated them when the case was opened, so that a later release of it takes
-- nothing from a case under way; NULL in rows of before. again: what is to be sealed once more, `deemed` or `undo`.
ALTER TABLE step
  ADD COLUMN wants jsonb,
  ADD COLUMN accountable text NOT NULL DEFAULT '',
  ADD COLUMN input_fields text[],
  ADD COLUMN commitment text,
  ADD COLUMN visit text,
  ADD COLUMN visit_days int,
  ADD COLUMN visit_on date,
  ADD COLUMN on_refusal text NOT NULL DEFAULT 'dependents',
  ADD COLUMN on_withdrawal text NOT NULL DEFAULT 'keep',
  ADD COLUMN accepted_at timestamptz,
  ADD COLUMN tasked_at timestamptz,
  ADD COLUMN ended_at timestamptz,
  ADD COLUMN deemed boolean NOT NULL DEFAULT false,
  ADD COLUMN escalated_at timestamptz,
  ADD COLUMN task_seq int NOT NULL DEFAULT 0,
  ADD COLUMN again text,
  ADD COLUMN undo_at timestamptz,
  ADD COLUMN reason text;
UPDATE step SET task_seq = 1 WHERE state IN ('tasked', 'done', 'refused') AND task_id IS NOT NULL;
-- What the clock looks at: tasks that are open, by the end of their time.
CREATE INDEX step_clock ON step (deadline) WHERE state = 'tasked';
CREATE INDEX step_again ON step (step_id) WHERE again IS NOT NULL;

-- The certificates that a step led to; a step may issue several. ended: the status that ended it, if one did.
CREATE TABLE step_certificate (
  step_id uuid NOT NULL REFERENCES step,
  certificate_id uuid NOT NULL,
  type text NOT NULL,
  version int NOT NULL,
  provisional boolean NOT NULL DEFAULT false,
  ended text,
  PRIMARY KEY (step_id, certificate_id));
CREATE INDEX step_of_certificate ON step_certificate (certificate_id);

-- alternatives: ways that are tried next where this one has no record, in order. A need that another took the place of
-- is `passed`: its row stays, since its ask has receipts.
ALTER TABLE need
  ADD COLUMN alternatives jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN holder text,
  DROP CONSTRAINT need_step_id_position_key;
CREATE UNIQUE INDEX need_of_position ON need (step_id, position) WHERE state <> 'passed';
CREATE INDEX need_next ON need (ask_id) WHERE state = 'next';

-- One order for each subject that gets a certificate: several may be of one type. alias: NULL for organisations.
ALTER TABLE issue_alias
  DROP CONSTRAINT issue_alias_pkey,
  ALTER COLUMN alias DROP NOT NULL,
  ADD COLUMN name text NOT NULL DEFAULT '',
  ADD COLUMN subject_position int NOT NULL DEFAULT 0,
  ADD COLUMN organisation text,
  ADD COLUMN amends boolean NOT NULL DEFAULT false,
  ADD PRIMARY KEY (step_id, type, name, subject_position);

-- Papers that an office wanted of the applicant and the gate refused. demand_key: the same for a demand that is repeated.
CREATE TABLE demand_refused (
  demand_key text PRIMARY KEY,
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
