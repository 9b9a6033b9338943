-- SPDX-License-Identifier: EUPL-1.2
-- Life of what offices issue by, beside that of the platform: one row for each certificates deployment, from its first
-- answer on. steady_since: end of the last gap in its answers; NULL: there was none.
CREATE TABLE issuing_heartbeat (
  system text PRIMARY KEY,
  beat_at timestamptz NOT NULL,
  steady_since timestamptz);
