-- Which grants' facts have begun to flow, and how far each grantee has been told what stood before: its snapshot.
-- release, day: by which book it began; a process with an older book must not think that the grant has ended.
-- after_id: certificates up to here are queued. over: the grant ended; it comes back as another one.
CREATE TABLE snapshot (
  office text COLLATE "C",
  grant_id text COLLATE "C",
  type text COLLATE "C" NOT NULL,
  release int NOT NULL,
  day date NOT NULL,
  after_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  queued bigint NOT NULL DEFAULT 0,
  done_at timestamptz,
  over boolean NOT NULL DEFAULT false,
  PRIMARY KEY (office, grant_id)
);
CREATE INDEX snapshot_type ON snapshot (office, type) WHERE NOT over;
