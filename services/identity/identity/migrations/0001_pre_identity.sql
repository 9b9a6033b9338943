-- SPDX-License-Identifier: EUPL-1.2
-- Who takes part (offices, systems, their public keys) and who the persons are (numbers sealed, pseudonyms by party).

CREATE TABLE registration (
    kind    text             NOT NULL CHECK (kind IN ('office', 'system')),
    id      text COLLATE "C" NOT NULL,
    -- 0 while the row is only being locked for its first record; also the keyseq of its topic
    version bigint           NOT NULL,
    -- the newest record, canonical JSON (RFC 8785)
    record  bytea            NOT NULL,
    PRIMARY KEY (kind, id)
);

-- A key belongs to one owner for ever: nobody may register another's key as their own.
CREATE TABLE registered_key (
    kid   text COLLATE "C" PRIMARY KEY,
    kind  text             NOT NULL,
    owner text COLLATE "C" NOT NULL,
    FOREIGN KEY (kind, owner) REFERENCES registration (kind, id)
);

CREATE TABLE person (
    id            uuid        PRIMARY KEY,
    -- HMAC-SHA-256 of the citizen number under a key derived from the master key: the only way to look one up
    number_hash   bytea       NOT NULL CONSTRAINT person_number UNIQUE,
    -- nonce (12 bytes), then AES-256-GCM of the number; the person's id is bound to it
    number_sealed bytea       NOT NULL,
    recorded_at   timestamptz NOT NULL
);

-- What a party calls a person. Derived, so never chosen; kept to find the person again from it.
CREATE TABLE pseudonym (
    party     text COLLATE "C" NOT NULL,
    pseudonym text COLLATE "C" NOT NULL,
    person_id uuid             NOT NULL REFERENCES person (id),
    PRIMARY KEY (party, pseudonym)
);

-- Fictional persons that a sandbox lets in by name.
CREATE TABLE persona (
    name      text COLLATE "C" PRIMARY KEY,
    person_id uuid             NOT NULL REFERENCES person (id)
);

CREATE TABLE session (
    id         uuid             PRIMARY KEY,
    person_id  uuid             NOT NULL REFERENCES person (id),
    -- RFC 7638 thumbprint of the key that the session's tokens are bound to
    jkt        text COLLATE "C" NOT NULL,
    opened_at  timestamptz      NOT NULL,
    expires_at timestamptz      NOT NULL
);
CREATE INDEX session_expires ON session (expires_at);

-- Client assertions and DPoP proofs count once. issuer: the client's system id, or dpop:<thumbprint>.
CREATE TABLE used_proof (
    issuer     text COLLATE "C" NOT NULL,
    jti        text COLLATE "C" NOT NULL,
    expires_at timestamptz      NOT NULL,
    PRIMARY KEY (issuer, jti)
);
CREATE INDEX used_proof_expires ON used_proof (expires_at);

-- When a citizen last turned numbers into handles: the limit is counted here, for all processes together.
CREATE TABLE handle_use (
    subject text COLLATE "C" PRIMARY KEY,
    used_at timestamptz[]    NOT NULL
) WITH (fillfactor = 70);
