-- A change of content and a renewal make a new version: the former ones stay here as they were. Append only.
-- issued_at, replaced_at: between them the register said this. status: what the version was left in, 05.
CREATE TABLE certificate_version (
  office text COLLATE "C",
  certificate_id uuid,
  version int,
  type_version int NOT NULL,
  natural_key text COLLATE "C" NOT NULL,
  claims bytea NOT NULL,
  status char(2) NOT NULL,
  licence_id text NOT NULL,
  valid_from date NOT NULL,
  valid_to date,
  issued_at timestamptz NOT NULL,
  replaced_at timestamptz NOT NULL,
  credential text NOT NULL,
  format text NOT NULL,
  conditions bytea,
  check_by date,
  PRIMARY KEY (office, certificate_id, version)
);
CREATE UNIQUE INDEX certificate_version_licence ON certificate_version (office, licence_id);

-- ruling: what allowed it after one that ended. former_*: whom it was transferred from. status_text: what 99 means.
-- succeeded: it ended, and a new one stands under its natural key by a ruling.
ALTER TABLE certificate ADD COLUMN ruling text, ADD COLUMN former_office text, ADD COLUMN former_id uuid,
  ADD COLUMN status_text text, ADD COLUMN succeeded boolean NOT NULL DEFAULT false,
  ADD CONSTRAINT certificate_former CHECK ((former_office IS NULL) = (former_id IS NULL));
-- The rule of the natural key: one that ended keeps it, unless a ruling allowed another. Two clerks at once meet here.
CREATE UNIQUE INDEX certificate_key ON certificate (office, type, holder, natural_key) WHERE NOT succeeded;
CREATE INDEX certificate_former ON certificate (former_office, former_id) WHERE former_id IS NOT NULL;

-- A task may ask for a change of content too, and gets it once.
ALTER TABLE certificate_operation ADD COLUMN case_id uuid, ADD COLUMN task_id uuid;
CREATE UNIQUE INDEX certificate_operation_task ON certificate_operation (office, task_id, certificate_id)
  WHERE task_id IS NOT NULL;
