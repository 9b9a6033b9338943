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

-- Whether a waiting step may start, kept in the commit that changes a step of its case, whichever version of cases makes
-- it: the look for work reads only what can start, however many open cases wait. The rule is `can_start` of domain, which
-- has the last word when the step starts.
ALTER TABLE step ADD COLUMN may_start boolean NOT NULL DEFAULT true;

CREATE FUNCTION step_may_start(waiting step) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT NOT EXISTS (
    SELECT 1 FROM step p
    WHERE p.case_id = waiting.case_id AND split_part(p.step, '/', 2) = ANY(waiting.after_steps)
      AND (p.state NOT IN ('done', 'skipped') OR p.deemed AND p.certificate_id IS NULL AND p.issues <> '[]')) $$;

CREATE FUNCTION keep_may_start() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE step AS w SET may_start = NOT w.may_start
  WHERE w.case_id = NEW.case_id AND w.state = 'waiting' AND w.may_start <> step_may_start(w);
  RETURN NULL;
END $$;
CREATE TRIGGER step_moved AFTER UPDATE OF state, certificate_id, deemed ON step FOR EACH ROW
  WHEN (OLD.certificate_id IS DISTINCT FROM NEW.certificate_id OR OLD.deemed <> NEW.deemed
    OR OLD.state <> NEW.state
      AND (NEW.state IN ('done', 'skipped', 'waiting') OR OLD.state IN ('done', 'skipped')))
  EXECUTE FUNCTION keep_may_start();

UPDATE step AS w SET may_start = false WHERE w.state = 'waiting' AND NOT step_may_start(w);
DROP INDEX step_waiting;
CREATE INDEX step_to_start ON step (case_id) WHERE state = 'waiting' AND may_start;

-- What passed by silence, was told to its office again, and isn't issued: that has a time too.
CREATE INDEX step_owed ON step (coalesce(due_at, deadline))
  WHERE state = 'done' AND deemed AND certificate_id IS NULL AND issues <> '[]' AND again IS NULL AND undo_at IS NULL
    AND escalated_at IS NULL;
