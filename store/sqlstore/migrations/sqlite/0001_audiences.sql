CREATE TABLE {audiences} (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE {heads} (
	audience INTEGER PRIMARY KEY,
	incarnation BLOB NOT NULL,
	number INTEGER NOT NULL DEFAULT 0,
	last_us INTEGER NOT NULL DEFAULT 0,
	trimmed INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE {counters} (
	audience INTEGER NOT NULL,
	kind INTEGER NOT NULL,
	next INTEGER NOT NULL,
	PRIMARY KEY (audience, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE {contacts} (
	audience INTEGER NOT NULL,
	id INTEGER NOT NULL,
	version INTEGER NOT NULL,
	created_us INTEGER NOT NULL,
	updated_us INTEGER NOT NULL,
	attrs TEXT NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (audience, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE {tags} (
	audience INTEGER NOT NULL,
	tag TEXT NOT NULL,
	contact INTEGER NOT NULL,
	PRIMARY KEY (audience, tag, contact)
) STRICT, WITHOUT ROWID;

CREATE TABLE {identities} (
	audience INTEGER NOT NULL,
	kind TEXT NOT NULL,
	ident TEXT NOT NULL,
	contact INTEGER NOT NULL,
	PRIMARY KEY (audience, kind, ident)
) STRICT, WITHOUT ROWID;

CREATE TABLE {events} (
	audience INTEGER NOT NULL,
	contact INTEGER NOT NULL,
	id TEXT NOT NULL,
	type TEXT NOT NULL,
	at_us INTEGER NOT NULL,
	revision INTEGER NOT NULL,
	retracted INTEGER NOT NULL,
	amount_prop INTEGER NOT NULL,
	amount INTEGER,
	more INTEGER NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (audience, contact, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX {events}_type ON {events} (audience, type, at_us, contact, retracted, amount_prop, amount, more);

CREATE TABLE {members} (
	audience INTEGER NOT NULL,
	contact INTEGER NOT NULL,
	list TEXT NOT NULL,
	at_us INTEGER NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (audience, contact, list)
) STRICT, WITHOUT ROWID;
CREATE INDEX {members}_list ON {members} (audience, list, contact);

CREATE TABLE {ledger} (
	audience INTEGER NOT NULL,
	contact INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (audience, contact, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE {standings} (
	audience INTEGER NOT NULL,
	contact INTEGER NOT NULL,
	purpose TEXT NOT NULL,
	list TEXT NOT NULL,
	status INTEGER NOT NULL,
	since_us INTEGER NOT NULL,
	until_us INTEGER NOT NULL,
	PRIMARY KEY (audience, contact, purpose, list)
) STRICT, WITHOUT ROWID;
CREATE INDEX {standings}_status ON {standings} (audience, purpose, list, status, contact);

CREATE TABLE {suppressions} (
	audience INTEGER NOT NULL,
	key_id TEXT NOT NULL,
	sum BLOB NOT NULL,
	reason INTEGER NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (audience, key_id, sum, reason)
) STRICT, WITHOUT ROWID;

CREATE TABLE {records} (
	audience INTEGER NOT NULL,
	namespace TEXT NOT NULL,
	name TEXT NOT NULL,
	version INTEGER NOT NULL,
	expires_us INTEGER,
	contact INTEGER NOT NULL,
	value BLOB NOT NULL,
	PRIMARY KEY (audience, namespace, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX {records}_contact ON {records} (audience, contact) WHERE contact <> 0;

CREATE TABLE {merges} (
	audience INTEGER NOT NULL,
	loser INTEGER NOT NULL,
	winner INTEGER NOT NULL,
	number INTEGER NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (audience, loser)
) STRICT, WITHOUT ROWID;
CREATE INDEX {merges}_winner ON {merges} (audience, winner, number);

CREATE TABLE {feed} (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	audience INTEGER NOT NULL,
	number INTEGER NOT NULL DEFAULT 0,
	at_us INTEGER NOT NULL,
	contact INTEGER NOT NULL,
	parts INTEGER NOT NULL,
	changes BLOB NOT NULL
) STRICT;
CREATE INDEX {feed}_number ON {feed} (audience, number, at_us);
CREATE INDEX {feed}_contact ON {feed} (audience, contact);

CREATE TABLE {feed_parts} (
	audience INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	part INTEGER NOT NULL,
	changes BLOB NOT NULL,
	PRIMARY KEY (audience, seq, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE {mentions} (
	audience INTEGER NOT NULL,
	contact INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	PRIMARY KEY (audience, contact, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX {mentions}_seq ON {mentions} (audience, seq);
