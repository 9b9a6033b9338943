-- One task may issue several certificates, one of a type and holder; what is given on a promise keeps its conditions.
DROP INDEX certificate_task;
CREATE UNIQUE INDEX certificate_task ON certificate (office, task_id, type, holder) WHERE task_id IS NOT NULL;
-- conditions: a JSON list of texts, as issued. check_by: until when the promise is checked.
ALTER TABLE certificate ADD COLUMN conditions bytea, ADD COLUMN check_by date,
  ADD CONSTRAINT certificate_provisional CHECK ((conditions IS NULL) = (check_by IS NULL));
-- A task that founds an organisation founds one.
ALTER TABLE certificate ADD COLUMN founds boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX certificate_founds ON certificate (office, task_id, type) WHERE founds;
