CREATE TABLE {audiences} (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE {heads} (
	audience integer PRIMARY KEY,
	incarnation bytea NOT NULL,
	number bigint NOT NULL DEFAULT 0,
	last_us bigint NOT NULL DEFAULT 0,
	trimmed bigint NOT NULL DEFAULT 0
);

CREATE TABLE {counters} (
	audience integer NOT NULL,
	kind smallint NOT NULL,
	next bigint NOT NULL,
	PRIMARY KEY (audience, kind)
);

CREATE TABLE {contacts} (
	audience integer NOT NULL,
	id bigint NOT NULL,
	version bigint NOT NULL,
	created_us bigint NOT NULL,
	updated_us bigint NOT NULL,
	attrs jsonb NOT NULL,
	body bytea NOT NULL,
	PRIMARY KEY (audience, id)
);
ALTER TABLE {contacts} ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE {tags} (
	audience integer NOT NULL,
	tag text COLLATE "C" NOT NULL,
	contact bigint NOT NULL,
	PRIMARY KEY (audience, tag, contact)
);

CREATE TABLE {identities} (
	audience integer NOT NULL,
	kind text COLLATE "C" NOT NULL,
	ident text COLLATE "C" NOT NULL,
	contact bigint NOT NULL,
	PRIMARY KEY (audience, kind, ident)
);

CREATE TABLE {events} (
	audience integer NOT NULL,
	contact bigint NOT NULL,
	id text COLLATE "C" NOT NULL,
	type text COLLATE "C" NOT NULL,
	at_us bigint NOT NULL,
	revision bigint NOT NULL,
	retracted smallint NOT NULL,
	amount_prop integer NOT NULL,
	amount bigint,
	more smallint NOT NULL,
	body bytea NOT NULL,
	PRIMARY KEY (audience, contact, id)
);
ALTER TABLE {events} ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX {events}_type ON {events} (audience, type, at_us, contact) INCLUDE (retracted, amount_prop, amount, more);

CREATE TABLE {members} (
	audience integer NOT NULL,
	contact bigint NOT NULL,
	list text COLLATE "C" NOT NULL,
	at_us bigint NOT NULL,
	body bytea NOT NULL,
	PRIMARY KEY (audience, contact, list)
);
CREATE INDEX {members}_list ON {members} (audience, list, contact);

CREATE TABLE {ledger} (
	audience integer NOT NULL,
	contact bigint NOT NULL,
	seq bigint NOT NULL,
	body bytea NOT NULL,
	PRIMARY KEY (audience, contact, seq)
);

CREATE TABLE {standings} (
	audience integer NOT NULL,
	contact bigint NOT NULL,
	purpose text COLLATE "C" NOT NULL,
	list text COLLATE "C" NOT NULL,
	status smallint NOT NULL,
	since_us bigint NOT NULL,
	until_us bigint NOT NULL,
	PRIMARY KEY (audience, contact, purpose, list)
);
CREATE INDEX {standings}_status ON {standings} (audience, purpose, list, status, contact);

CREATE TABLE {suppressions} (
	audience integer NOT NULL,
	key_id text COLLATE "C" NOT NULL,
	sum bytea NOT NULL,
	reason smallint NOT NULL,
	body bytea NOT NULL,
	PRIMARY KEY (audience, key_id, sum, reason)
);

CREATE TABLE {records} (
	audience integer NOT NULL,
	namespace text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL,
	version bigint NOT NULL,
	expires_us bigint,
	contact bigint NOT NULL,
	value bytea NOT NULL,
	PRIMARY KEY (audience, namespace, name)
);
CREATE INDEX {records}_contact ON {records} (audience, contact) WHERE contact <> 0;

CREATE TABLE {merges} (
	audience integer NOT NULL,
	loser bigint NOT NULL,
	winner bigint NOT NULL,
	number bigint NOT NULL,
	body bytea NOT NULL,
	PRIMARY KEY (audience, loser)
);
CREATE INDEX {merges}_winner ON {merges} (audience, winner, number);

CREATE TABLE {feed} (
	seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	audience integer NOT NULL,
	number bigint NOT NULL DEFAULT 0,
	at_us bigint NOT NULL,
	contact bigint NOT NULL,
	parts integer NOT NULL,
	changes bytea NOT NULL
);
ALTER TABLE {feed} ALTER COLUMN changes SET STORAGE EXTERNAL;
CREATE INDEX {feed}_number ON {feed} (audience, number, at_us);
CREATE INDEX {feed}_contact ON {feed} (audience, contact);

CREATE TABLE {feed_parts} (
	audience integer NOT NULL,
	seq bigint NOT NULL,
	part integer NOT NULL,
	changes bytea NOT NULL,
	PRIMARY KEY (audience, seq, part)
);
ALTER TABLE {feed_parts} ALTER COLUMN changes SET STORAGE EXTERNAL;

CREATE TABLE {mentions} (
	audience integer NOT NULL,
	contact bigint NOT NULL,
	seq bigint NOT NULL,
	PRIMARY KEY (audience, contact, seq)
);
CREATE INDEX {mentions}_seq ON {mentions} (audience, seq);
