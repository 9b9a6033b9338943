-- SPDX-License-Identifier: EUPL-1.2
-- Where a person looks at what would go, while she may: kept only as long as the request is `previewing`.
ALTER TABLE evidence_request
  ADD COLUMN preview_id uuid,
  ADD COLUMN preview_deployment text,
  ADD COLUMN preview_until timestamptz;
