-- Requests for evidence that wait for the person they are about: she looks first, and decides piece by piece.
-- ask: the request as it was received, sealed aliases and all; emptied with the preview's end. until: when it ends unless
-- she opens (waiting) or decides (opened). seen_*: which state of which certificate she saw. put_off: what can't be
-- answered now (no key to seal to) comes again then.
CREATE TABLE preview (
  id uuid PRIMARY KEY,
  office text COLLATE "C" NOT NULL,
  subject text COLLATE "C" NOT NULL,
  request_id uuid NOT NULL,
  event_id uuid NOT NULL,
  exchange_id uuid NOT NULL,
  asker text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  purpose text NOT NULL,
  basis text NOT NULL,
  case_id uuid NOT NULL,
  step text NOT NULL,
  ask bytea,
  deadline timestamptz NOT NULL,
  state text NOT NULL CHECK (state IN ('waiting', 'opened', 'released', 'declined', 'expired')),
  until timestamptz NOT NULL,
  made_at timestamptz NOT NULL,
  opened_at timestamptz,
  seen_id uuid,
  seen_seq bigint,
  code text,
  put_off timestamptz,
  UNIQUE (office, request_id),
  CHECK ((ask IS NOT NULL) = (state IN ('waiting', 'opened'))),
  CHECK ((seen_id IS NULL) = (seen_seq IS NULL)),
  CHECK (state NOT IN ('opened', 'released', 'declined') OR seen_id IS NOT NULL)
) WITH (fillfactor = 70);
CREATE INDEX preview_of_person ON preview (subject, made_at) WHERE state IN ('waiting', 'opened');
CREATE INDEX preview_due ON preview (until) WHERE state IN ('waiting', 'opened');
