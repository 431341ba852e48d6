-- One row. Whoever changes declarations or selections locks it first, so that such changes are serial and `seq`
-- grows in the order of commits: a watcher that has seen number n has missed nothing up to n. `epoch` tells one
-- database from another, so that a resume token of a lost database is not taken for one of this.
CREATE TABLE ledger (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    epoch  text    NOT NULL DEFAULT gen_random_uuid()::text,
    seq    bigint  NOT NULL DEFAULT 0
);
INSERT INTO ledger DEFAULT VALUES;

CREATE TABLE declaration (
    owner       text        PRIMARY KEY,
    version     bigint      NOT NULL,
    declared_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE repository (
    id         bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text    NOT NULL UNIQUE,    -- canonical: index.docker.io/library/nginx
    host       text    NOT NULL,
    requested  bigint  NOT NULL DEFAULT 1, -- grows whenever somebody wants a scan now
    scanned_at timestamptz,                -- end of the last complete listing
    tag_count  integer NOT NULL DEFAULT 0,
    fault      text                        -- why the last scan failed
);

-- Apart from `repository`, because a scan holds its row's lock from beginning to end: the lock is the claim, and the
-- death of the scanner or of its connection gives it back at once.
CREATE TABLE scan_queue (
    repository_id bigint      PRIMARY KEY REFERENCES repository ON DELETE CASCADE,
    next_scan_at  timestamptz NOT NULL DEFAULT now(),
    served        bigint      NOT NULL DEFAULT 0, -- repository.requested when the last scan began
    failures      integer     NOT NULL DEFAULT 0  -- in a row
);
CREATE INDEX scan_queue_next ON scan_queue (next_scan_at);

CREATE TABLE item (
    owner          text    NOT NULL REFERENCES declaration ON DELETE CASCADE,
    workload       text    NOT NULL,
    container      text    NOT NULL,
    image          text    NOT NULL,
    tag_pattern    text    NOT NULL,
    pull_secrets   text    NOT NULL, -- JSON: [["namespace", "name"], …]
    repository_id  bigint  REFERENCES repository, -- null exactly when the item cannot be served
    fault          text,                          -- why it cannot be served
    matching_count integer NOT NULL DEFAULT 0,
    selected_tag   text,
    message        text,                          -- why nothing is selected
    PRIMARY KEY (owner, workload, container)
);
CREATE INDEX item_repository ON item (repository_id);

CREATE TABLE tag (
    repository_id bigint  NOT NULL REFERENCES repository ON DELETE CASCADE,
    name          text    COLLATE "C" NOT NULL,
    present       boolean NOT NULL DEFAULT false, -- in the last complete listing
    gone_at       timestamptz,
    digest        text,
    created_ns    bigint,                         -- nanoseconds since the Unix epoch
    fault         text,                           -- why digest or created could not be read
    traceparent   text,                           -- of the scan that found this digest
    recheck_at    timestamptz,                    -- null: never read
    recheck_after double precision NOT NULL DEFAULT 0, -- seconds
    PRIMARY KEY (repository_id, name)
);

CREATE TABLE selection (
    owner               text   NOT NULL,
    workload            text   NOT NULL,
    container           text   NOT NULL,
    declaration_version bigint NOT NULL,
    image               text   NOT NULL, -- as declared, with the tag that is to be replaced
    to_tag              text   NOT NULL,
    digest              text   NOT NULL,
    created_ns          bigint NOT NULL,
    reason              text   NOT NULL,
    traceparent         text,
    seq                 bigint NOT NULL UNIQUE,
    PRIMARY KEY (owner, workload, container),
    FOREIGN KEY (owner, workload, container) REFERENCES item ON DELETE CASCADE
);

CREATE TABLE host_pause (
    host     text        PRIMARY KEY,
    until    timestamptz NOT NULL,
    failures integer     NOT NULL DEFAULT 1, -- in a row
    reason   text        NOT NULL
);
