-- Which format module signed the office's own copy: a draft's successor runs beside it until no copy of the old is valid.
ALTER TABLE certificate ADD COLUMN format text NOT NULL DEFAULT 'sdjwtvc_d26';
