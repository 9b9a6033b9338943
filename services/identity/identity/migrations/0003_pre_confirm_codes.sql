-- SPDX-License-Identifier: EUPL-1.2
-- What a person tells a clerk, so that the office may act for her: one code for each person and office, kept as an HMAC.
-- A try leaves a row where there was none, for a number that nobody has too: else the missing row could be measured.
CREATE TABLE confirm_code (
    -- a person, or the nobody that stands for an unknown number
    person_id  uuid             NOT NULL,
    office     text COLLATE "C" NOT NULL,
    -- HMAC-SHA-256 under a key derived from the master key; NULL: no code was made, only tried
    code_hash  bytea,
    expires_at timestamptz      NOT NULL,
    -- since the code was made, the right one among them
    tries      integer          NOT NULL,
    PRIMARY KEY (person_id, office)
);
CREATE INDEX confirm_code_expires ON confirm_code (expires_at);
