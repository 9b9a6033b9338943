-- SPDX-License-Identifier: EUPL-1.2
-- When the sandbox's clock was moved, in real time, and how far it is ahead from then on: what a case lasted is reckoned
-- by the clock that its deadlines follow, also long after.
CREATE TABLE clock_move (
  move_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  moved_at timestamptz NOT NULL,
  ahead interval NOT NULL);
INSERT INTO clock_move (moved_at, ahead) SELECT now(), ahead FROM sandbox_clock;

-- Steps that a case is whole without: it isn't refused by their refusal.
ALTER TABLE step ADD COLUMN optional boolean NOT NULL DEFAULT false;

-- Offers have an end. One that was made before this has none yet: it is looked at first, and gets one.
CREATE INDEX step_offered ON step (coalesce(due_at, deadline, '-infinity')) WHERE state = 'offered';
