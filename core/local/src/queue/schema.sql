-- Schema of the queue file, version 1. Times are milliseconds since 1970 UTC.

CREATE TABLE messages (
    id            INTEGER PRIMARY KEY,
    queue         TEXT    NOT NULL,
    -- Hidden before this moment: delayed if it was never received, else in flight.
    visible_at    INTEGER NOT NULL,
    receive_count INTEGER NOT NULL DEFAULT 0,
    sent_at       INTEGER NOT NULL,
    -- When its queue forgets it; NULL is never.
    expires_at    INTEGER,
    -- The latest delivery: what its receipt must show, when it was made, who has it.
    token         INTEGER,
    received_at   INTEGER,
    holder        TEXT,
    body          TEXT    NOT NULL
);

-- What is next, and what is hidden; the count is there so that neither needs the rows.
CREATE INDEX next_message ON messages (queue, visible_at, receive_count);

-- Queues that keep everything have no entries here.
CREATE INDEX next_expiry ON messages (expires_at) WHERE expires_at IS NOT NULL;

-- How many messages each queue has, kept with every change: counting a million takes too long.
CREATE TABLE queues (
    name     TEXT PRIMARY KEY,
    messages INTEGER NOT NULL
) WITHOUT ROWID;
