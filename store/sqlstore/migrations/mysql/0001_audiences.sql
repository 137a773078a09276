CREATE TABLE {audiences} (
	id integer NOT NULL AUTO_INCREMENT PRIMARY KEY,
	name varbinary(255) NOT NULL UNIQUE
) ENGINE=InnoDB CHARACTER SET utf8mb4;

CREATE TABLE {heads} (
	audience integer PRIMARY KEY,
	incarnation varbinary(16) NOT NULL,
	number bigint NOT NULL DEFAULT 0,
	last_us bigint NOT NULL DEFAULT 0,
	trimmed bigint NOT NULL DEFAULT 0
) ENGINE=InnoDB CHARACTER SET utf8mb4;

CREATE TABLE {counters} (
	audience integer NOT NULL,
	kind smallint NOT NULL,
	next bigint NOT NULL,
	PRIMARY KEY (audience, kind)
) ENGINE=InnoDB CHARACTER SET utf8mb4;

CREATE TABLE {contacts} (
	audience integer NOT NULL,
	id bigint NOT NULL,
	version bigint NOT NULL,
	created_us bigint NOT NULL,
	updated_us bigint NOT NULL,
	attrs json NOT NULL,
	body longblob NOT NULL,
	PRIMARY KEY (audience, id)
) ENGINE=InnoDB CHARACTER SET utf8mb4;

CREATE TABLE {tags} (
	audience integer NOT NULL,
	tag varbinary(1024) NOT NULL,
	contact bigint NOT NULL,
	PRIMARY KEY (audience, tag, contact)
) ENGINE=InnoDB CHARACTER SET utf8mb4;

CREATE TABLE {identities} (
	audience integer NOT NULL,
	kind varbinary(512) NOT NULL,
	ident varbinary(1024) NOT NULL,
	contact bigint NOT NULL,
	PRIMARY KEY (audience, kind, ident)
) ENGINE=InnoDB CHARACTER SET utf8mb4;

CREATE TABLE {events} (
	audience integer NOT NULL,
	contact bigint NOT NULL,
	id varbinary(1024) NOT NULL,
	type varbinary(512) NOT NULL,
	at_us bigint NOT NULL,
	revision bigint NOT NULL,
	retracted smallint NOT NULL,
	amount_prop integer NOT NULL,
	amount bigint,
	more smallint NOT NULL,
	body longblob NOT NULL,
	PRIMARY KEY (audience, contact, id)
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE INDEX {events}_type ON {events} (audience, type, at_us, contact, retracted, amount_prop, amount, more);

CREATE TABLE {members} (
	audience integer NOT NULL,
	contact bigint NOT NULL,
	list varbinary(1024) NOT NULL,
	at_us bigint NOT NULL,
	body longblob NOT NULL,
	PRIMARY KEY (audience, contact, list)
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE INDEX {members}_list ON {members} (audience, list, contact);

CREATE TABLE {ledger} (
	audience integer NOT NULL,
	contact bigint NOT NULL,
	seq bigint NOT NULL,
	body longblob NOT NULL,
	PRIMARY KEY (audience, contact, seq)
) ENGINE=InnoDB CHARACTER SET utf8mb4;

CREATE TABLE {standings} (
	audience integer NOT NULL,
	contact bigint NOT NULL,
	purpose varbinary(512) NOT NULL,
	list varbinary(1024) NOT NULL,
	status smallint NOT NULL,
	since_us bigint NOT NULL,
	until_us bigint NOT NULL,
	PRIMARY KEY (audience, contact, purpose, list)
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE INDEX {standings}_status ON {standings} (audience, purpose, list, status, contact);

CREATE TABLE {suppressions} (
	audience integer NOT NULL,
	key_id varbinary(255) NOT NULL,
	sum varbinary(64) NOT NULL,
	reason smallint NOT NULL,
	body longblob NOT NULL,
	PRIMARY KEY (audience, key_id, sum, reason)
) ENGINE=InnoDB CHARACTER SET utf8mb4;

CREATE TABLE {records} (
	audience integer NOT NULL,
	namespace varbinary(255) NOT NULL,
	name varbinary(1024) NOT NULL,
	version bigint NOT NULL,
	expires_us bigint,
	contact bigint NOT NULL,
	value longblob NOT NULL,
	PRIMARY KEY (audience, namespace, name)
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE INDEX {records}_contact ON {records} (audience, contact);

CREATE TABLE {merges} (
	audience integer NOT NULL,
	loser bigint NOT NULL,
	winner bigint NOT NULL,
	number bigint NOT NULL,
	body longblob NOT NULL,
	PRIMARY KEY (audience, loser)
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE INDEX {merges}_winner ON {merges} (audience, winner, number);

CREATE TABLE {feed} (
	seq bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
	audience integer NOT NULL,
	number bigint NOT NULL DEFAULT 0,
	at_us bigint NOT NULL,
	contact bigint NOT NULL,
	parts integer NOT NULL,
	changes longblob NOT NULL
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE INDEX {feed}_number ON {feed} (audience, number, at_us);
CREATE INDEX {feed}_contact ON {feed} (audience, contact);

CREATE TABLE {feed_parts} (
	audience integer NOT NULL,
	seq bigint NOT NULL,
	part integer NOT NULL,
	changes longblob NOT NULL,
	PRIMARY KEY (audience, seq, part)
) ENGINE=InnoDB CHARACTER SET utf8mb4;

CREATE TABLE {mentions} (
	audience integer NOT NULL,
	contact bigint NOT NULL,
	seq bigint NOT NULL,
	PRIMARY KEY (audience, contact, seq)
) ENGINE=InnoDB CHARACTER SET utf8mb4;
CREATE INDEX {mentions}_seq ON {mentions} (audience, seq);
