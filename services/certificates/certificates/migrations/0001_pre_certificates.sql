-- What offices attest. `office` leads every key: one deployment may serve several, and they share nothing else.

-- The latest version of each certificate. claims: JSON as issued. credential: the office's own signed copy.
CREATE TABLE certificate (
  office text COLLATE "C",
  id uuid,
  type text COLLATE "C" NOT NULL,
  type_version int NOT NULL,
  type_code text NOT NULL,
  subject text COLLATE "C",
  organisation text COLLATE "C",
  holder text COLLATE "C" NOT NULL GENERATED ALWAYS AS (coalesce(subject, organisation)) STORED,
  natural_key text COLLATE "C" NOT NULL,
  claims bytea NOT NULL,
  version int NOT NULL,
  event_seq bigint NOT NULL,
  status char(2) NOT NULL CHECK (status IN ('01', '02', '03', '04', '05', '06', '07', '99')),
  licence_id text NOT NULL,
  valid_from date NOT NULL,
  valid_to date,
  issued_at timestamptz NOT NULL,
  credential text NOT NULL,
  case_id uuid,
  task_id uuid,
  PRIMARY KEY (office, id),
  CHECK ((subject IS NULL) <> (organisation IS NULL))
) WITH (fillfactor = 90);
-- The rule of the natural key; it also finds what a request for evidence asks about.
CREATE UNIQUE INDEX certificate_natural_key ON certificate (office, type, holder, natural_key)
  WHERE status IN ('01', '02');
-- Ended ones with the same natural key: a new certificate needs a ruling then.
CREATE INDEX certificate_ended ON certificate (office, type, holder, natural_key) WHERE status NOT IN ('01', '02');
CREATE UNIQUE INDEX certificate_task ON certificate (office, task_id) WHERE task_id IS NOT NULL;
CREATE INDEX certificate_expiry ON certificate (valid_to) WHERE valid_to IS NOT NULL AND status IN ('01', '02', '99');

-- Who changed a status, why and when. Issuing needs no row here: the certificate is it. Append only.
CREATE TABLE certificate_operation (
  office text COLLATE "C",
  certificate_id uuid,
  event_seq bigint,
  version int NOT NULL,
  operation text NOT NULL,
  status_before char(2) NOT NULL,
  status_after char(2) NOT NULL,
  reason text,
  system text,
  at timestamptz NOT NULL,
  PRIMARY KEY (office, certificate_id, event_seq)
);

-- Numbers for licence ids, leased in blocks: no lock for each issue, and a crash burns a few.
CREATE TABLE serial_block (
  office text COLLATE "C",
  type text COLLATE "C",
  day date,
  next_number int NOT NULL,
  PRIMARY KEY (office, type, day)
);

-- Sealed aliases that identity made, one for each person, party and key. They open nowhere here.
CREATE TABLE alias (
  office text COLLATE "C",
  subject text COLLATE "C",
  party text COLLATE "C",
  key_use text COLLATE "C",
  alias text NOT NULL,
  made_at timestamptz NOT NULL,
  PRIMARY KEY (office, subject, party, key_use)
);

-- One certificate under one grant: its envelopes are numbered here without gaps.
CREATE TABLE share (
  office text COLLATE "C",
  share_id text COLLATE "C",
  grant_id text NOT NULL,
  certificate_id uuid NOT NULL,
  last_seq bigint NOT NULL,
  PRIMARY KEY (office, share_id)
) WITH (fillfactor = 90);

-- Facts still to be sealed for a grantee, or for the directory (no grant). A waiting row holds those behind it in its
-- stream. Rows are deleted in the commit of their envelope.
CREATE TABLE share_todo (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  office text COLLATE "C" NOT NULL,
  stream text COLLATE "C" NOT NULL,
  grant_id text,
  certificate_id uuid NOT NULL,
  version int NOT NULL,
  event_seq bigint NOT NULL,
  fact text NOT NULL,
  status char(2) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  waiting text,
  tries int NOT NULL DEFAULT 0,
  next_try_at timestamptz
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX share_todo_stream ON share_todo (stream, id);

-- The journal of evidence, append only; one shape here and in exchange-bus. subject: the alias as it came, so still
-- sealed to the office. subject_key: keyed HMAC, for search.
CREATE TABLE evidence_event (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL,
  type text NOT NULL,
  case_id uuid,
  exchange_id uuid,
  request_id uuid,
  answer_id uuid,
  event_id uuid,
  asker text,
  holder text,
  step text,
  entry text,
  release int,
  evidence_type text,
  evidence_id uuid,
  evidence_version int,
  digest text,
  media_type text,
  code text,
  rule text,
  reason text,
  subject text,
  subject_key text,
  assurance text,
  trace_id text
);
CREATE INDEX evidence_event_request ON evidence_event (request_id);
CREATE INDEX evidence_event_case ON evidence_event (case_id);
