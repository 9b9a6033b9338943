-- What was transferred out is taken over by one certificate, also where its own register is another deployment's.
DROP INDEX certificate_former;
CREATE UNIQUE INDEX certificate_former ON certificate (former_office, former_id) WHERE former_id IS NOT NULL;
-- An organisation is founded once.
CREATE UNIQUE INDEX certificate_founded ON certificate (office, type, holder) WHERE founds;
