-- Delivery: what every service's database holds beside its own tables.

-- Append only, never updated: the archive too. Days are partitions, made ahead by kit.outbox.archive_partitions.
CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY,
  event_id uuid NOT NULL,
  lane smallint NOT NULL,
  khash int NOT NULL,
  topic text NOT NULL,
  key text COLLATE "C" NOT NULL,
  keyseq bigint NOT NULL,
  type text NOT NULL,
  headers bytea NOT NULL,
  payload bytea,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
CREATE TABLE outbox_default PARTITION OF outbox DEFAULT;  -- an alarm when not empty

-- The unpublished rows. created_at leads to the one partition that holds the row.
CREATE TABLE outbox_todo (
  lane smallint,
  id bigint,
  created_at timestamptz NOT NULL,
  dead_at timestamptz,
  reason text,
  PRIMARY KEY (lane, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX outbox_todo_dead ON outbox_todo (lane) WHERE dead_at IS NOT NULL;

-- Receipts: a counter for each connection that commits them, a chain for each person and office.
CREATE TABLE receipt_slot (
  slot text COLLATE "C" PRIMARY KEY,
  last_seq bigint NOT NULL
) WITH (fillfactor = 10);
CREATE TABLE subject_chain (
  person text COLLATE "C" PRIMARY KEY,
  subject_key bytea NOT NULL,
  seq bigint NOT NULL,
  last_commit bytea
) WITH (fillfactor = 80);

-- Answers to POSTs, for repeats under the same key.
CREATE TABLE idem (
  client_id text COLLATE "C",
  key text COLLATE "C",
  fingerprint bytea NOT NULL,
  status smallint NOT NULL,
  response bytea,
  headers bytea,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (client_id, key)
);
CREATE INDEX idem_expiry ON idem (expires_at);

-- Consumers: who was seen up to which number.
CREATE TABLE stream (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  consumer text NOT NULL,
  source text NOT NULL,
  topic text NOT NULL,
  UNIQUE (consumer, source, topic)
);
CREATE TABLE key_state (
  stream int,
  key uuid,
  prev_seq bigint NOT NULL,
  last_seq bigint NOT NULL,
  last_event uuid,
  PRIMARY KEY (stream, key)
) WITH (fillfactor = 90);

-- Where a consumer that is new to a partition begins: up to here the first number seen is a key's base.
CREATE TABLE stream_base (
  consumer text,
  topic text,
  partition int,
  end_offset bigint NOT NULL,
  PRIMARY KEY (consumer, topic, partition)
);

-- Topics that are complete but not ordered (receipts): every event seen, and the numbers still missing.
CREATE TABLE inbox (
  consumer text COLLATE "C",
  event_id uuid,
  PRIMARY KEY (consumer, event_id)
);
CREATE TABLE keyseq_gap (
  stream int,
  key text COLLATE "C",
  keyseq bigint,
  seen_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (stream, key, keyseq)
);

-- The dead-letter table: records as received, so still sealed. state: gap, behind, retry, dead.
CREATE TABLE parked (
  consumer text COLLATE "C",
  event_id uuid,
  source text NOT NULL,
  topic text NOT NULL,
  key text COLLATE "C" NOT NULL,
  key_id uuid NOT NULL,
  keyseq bigint NOT NULL,
  record bytea NOT NULL,
  payload bytea,
  state text NOT NULL CHECK (state IN ('gap', 'behind', 'retry', 'dead')),
  reason text NOT NULL,
  tries int NOT NULL DEFAULT 0,
  parked_at timestamptz NOT NULL DEFAULT now(),
  next_try_at timestamptz,
  PRIMARY KEY (consumer, event_id)
);
CREATE INDEX parked_key ON parked (consumer, source, topic, key, keyseq);
CREATE INDEX parked_due ON parked (consumer, next_try_at) WHERE state <> 'dead';

-- Today and the seven days ahead, so that nothing falls into the default partition before the first upkeep.
DO $$
DECLARE day date;
BEGIN
  FOR day IN SELECT d::date FROM generate_series(date_trunc('day', now() AT TIME ZONE 'UTC'),
                                                 date_trunc('day', now() AT TIME ZONE 'UTC') + interval '7 days',
                                                 interval '1 day') AS d
  LOOP
    EXECUTE format('CREATE TABLE %I PARTITION OF outbox FOR VALUES FROM (%L) TO (%L)',
                   'outbox_' || to_char(day, 'YYYYMMDD'),
                   day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
  END LOOP;
END $$;
