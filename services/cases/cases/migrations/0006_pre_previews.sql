-- SPDX-License-Identifier: EUPL-1.2
-- The applicant's wish to see what would go before it goes, and where she looks at the holder's.
ALTER TABLE case_file ADD COLUMN previews boolean NOT NULL DEFAULT false;
ALTER TABLE need
  ADD COLUMN preview_id uuid,
  ADD COLUMN preview_deployment text,
  ADD COLUMN preview_until timestamptz;
