-- SPDX-License-Identifier: EUPL-1.2
-- Steps that are done again. former: asked for a decision that counts no more. Its row stays, since its ask has receipts
-- and its answer, whenever it comes, was released; it proves nothing to the step any more.
ALTER TABLE need ADD COLUMN former boolean NOT NULL DEFAULT false;
DROP INDEX need_of_position;
CREATE UNIQUE INDEX need_of_position ON need (step_id, position) WHERE state <> 'passed' AND NOT former;

-- Tasks whose step went back: their ids decide nothing any more. reason: the office's words.
CREATE TABLE former_task (
  task_id uuid PRIMARY KEY,
  step_id uuid NOT NULL REFERENCES step,
  reason text NOT NULL,
  at timestamptz NOT NULL);
