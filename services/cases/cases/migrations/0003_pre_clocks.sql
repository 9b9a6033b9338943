-- SPDX-License-Identifier: EUPL-1.2
-- Clocks: outages in which they stand still, the platform's own heartbeat, and the sandbox's moved clock.

-- Times by the clock that deadlines are reckoned by. office NULL: the platform itself, so everybody's clock stands still.
CREATE TABLE outage (
  outage_id uuid PRIMARY KEY,
  office text,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  source text NOT NULL CHECK (source IN ('recorded', 'heartbeat')),
  noted_at timestamptz NOT NULL,
  CHECK (starts_at < ends_at));
CREATE INDEX outage_end ON outage (ends_at);

-- One row once the first beat was made. steady_since: end of the last gap in the beats; NULL: there was none.
CREATE TABLE heartbeat (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  beat_at timestamptz NOT NULL,
  steady_since timestamptz);

-- One row once the clock was moved, in a sandbox alone.
CREATE TABLE sandbox_clock (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  ahead interval NOT NULL);

-- due_at: the deadline with the outages known when it was looked at last; NULL: nobody has yet.
ALTER TABLE step ADD COLUMN due_at timestamptz;
DROP INDEX step_clock;
CREATE INDEX step_due ON step (coalesce(due_at, deadline)) WHERE state = 'tasked' AND escalated_at IS NULL;
