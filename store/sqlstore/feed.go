package sqlstore

import (
	"context"
	"strings"

	"github.com/audiencekit/audiencekit/store"
)

// feedStatements are about the feed.
type feedStatements struct {
	head, lockHead, lockHeadIfFree, moveHead, nextNumber *statement
	anyUnnumbered, unnumbered, unnumberedOf, numbersOf   *statement
	standing, lastCommit, after, find, parts, highest    *statement
	insert, draw, mentioned, mentionedIn, addressed      *statement
	locked, lockedParts, rewrite, drop, numbers          *statement
	dropParts, dropMentions                              *statement
	raiseTrimmed, trimmable, renew, tell                 *statement
	numberSome                                           []*statement // by the logarithm of how many
	insertParts, insertMentions                          *insertion
}

func newFeedStatements(c *catalog) feedStatements {
	const selectPart, ofCommit = "SELECT changes FROM {feed_parts}", " WHERE audience = ? AND seq = ? ORDER BY part"
	d := c.dialect
	st := feedStatements{
		head:     c.add(onEachShard, "feed head", "SELECT number, trimmed, incarnation FROM {heads} WHERE audience = ?"),
		lockHead: c.add(onEachShard, "lock feed head", "SELECT number, last_us, incarnation FROM {heads} WHERE audience = ?"+d.lock),
		moveHead: c.add(onEachShard, "move feed head", "UPDATE {heads} SET number = ?, last_us = ? WHERE audience = ?"),
		standing: c.add(onEachShard, "feed standing", "SELECT h.number, h.incarnation, f.seq FROM {heads} h LEFT JOIN {feed} f ON f.audience = h.audience AND f.number = 0 WHERE h.audience = ?"),
		// Only what is later than all that has a number: entries of the index that
		// are dead lie before that, and while somebody's old transaction keeps them
		// there every writer would go through them.
		lastCommit: c.add(onEachShard, "last commit", "SELECT h.number, h.last_us, h.incarnation, (SELECT MAX(f.at_us) FROM {feed} f WHERE f.audience = ? AND f.number = 0"+
			" AND f.at_us > CASE WHEN h.number = 0 THEN -9223372036854775807 ELSE h.last_us END) FROM {heads} h WHERE h.audience = ?"),
		after:   c.add(onEachShard, "read feed", "SELECT seq, number, at_us, parts, changes FROM {feed}"+d.force("{feed}_number")+" WHERE audience = ? AND number > ? ORDER BY number LIMIT ?"),
		find:    c.add(onEachShard, "find commit", "SELECT number FROM {feed} WHERE seq = ? AND audience = ?"),
		parts:   c.add(onEachShard, "read feed parts", selectPart+ofCommit),
		highest: c.add(onEachShard, "highest sequence", "SELECT MAX(seq) FROM {feed}"),

		mentioned:    c.add(onEachShard, "find mentions", "SELECT m.seq, f.number FROM {mentions} m JOIN {feed} f ON f.seq = m.seq WHERE m.audience = ? AND m.contact {in bigint}"),
		addressed:    c.add(onEachShard, "find commits of contacts", "SELECT seq, number FROM {feed} WHERE audience = ? AND contact {in bigint}"),
		mentionedIn:  c.add(onEachShard, "contacts of commits", "SELECT contact FROM {mentions} WHERE audience = ? AND seq {in bigint} AND contact {in bigint} LIMIT 1"),
		locked:       c.add(onEachShard, "lock commit", "SELECT parts, changes FROM {feed} WHERE seq = ? AND audience = ?"+d.lock),
		lockedParts:  c.add(onEachShard, "lock feed parts", selectPart+d.force("PRIMARY")+ofCommit+d.lock),
		rewrite:      c.add(onEachShard, "rewrite commit", "UPDATE {feed} SET parts = ?, changes = ? WHERE seq = ?"),
		dropParts:    c.add(onEachShard, "drop feed parts", d.removeListed("feed_parts", "PRIMARY", "seq", "audience")),
		dropMentions: c.add(onEachShard, "drop mentions", d.removeListed("mentions", "{mentions}_seq", "seq", "audience")),
		drop:         c.add(onEachShard, "drop commits", "DELETE FROM {feed} WHERE audience + 0 = ? AND seq {in bigint}"), // or SQLite takes all of the audience

		raiseTrimmed: c.add(onEachShard, "raise trimmed", "UPDATE {heads} SET trimmed = ? WHERE audience = ? AND trimmed < ?"),
		// The row at the position itself stays, for positions that name its sequence.
		trimmable: c.add(onEachShard, "find trimmed commits", "SELECT seq FROM {feed} WHERE audience = ? AND number > 0 AND number < ? ORDER BY number LIMIT ?"),

		renew: c.add(onEachShard, "new incarnation", "UPDATE {heads} SET incarnation = ? WHERE audience = ?"),

		insertParts: c.insert(insertion{
			name: "add feed parts", key: onEachShard, table: "feed_parts", keys: []string{"audience", "seq", "part"},
			columns: []column{{"audience", intColumn}, {"seq", intColumn}, {"part", intColumn}, {"changes", bytesColumn}},
		}),
		insertMentions: c.insert(insertion{
			name: "add mentions", key: onEachShard, table: "mentions", keys: []string{"audience", "contact", "seq"},
			columns: []column{{"audience", intColumn}, {"seq", intColumn}, {"contact", intColumn}},
			same:    2,
		}),
	}
	st.addWriting(c)
	st.addNumbering(c)
	return st
}

// addWriting adds the statements that write a commit.
func (st *feedStatements) addWriting(c *catalog) {
	const insert = "INSERT INTO {feed} (audience, at_us, contact, parts, changes) VALUES (?, ?, ?, ?, ?)"
	switch c.dialect.kind {
	case SQLite:
		// Drawn so that the sequence of a transaction that was rolled back does not
		// come again, which it would if it was left to SQLite: see Token.
		st.draw = c.add(onEachShard, "draw sequence", "SELECT coalesce(max(seq), 0) + 1 + abs(random() % 1048576) FROM {feed}")
		st.nextNumber = c.add(onEachShard, "number commit", "UPDATE {heads} SET number = number + 1,"+
			" last_us = CASE WHEN number > 0 AND last_us > ? THEN last_us ELSE ? END WHERE audience = ? RETURNING number, last_us")
		st.insert = c.add(onEachShard, "add commit", "INSERT INTO {feed} (audience, at_us, contact, parts, changes, seq, number) VALUES (?, ?, ?, ?, ?, ?, ?)")
	case MySQL:
		st.insert = c.add(onEachShard, "add commit", insert)
	default:
		st.insert = c.add(onEachShard, "add commit", insert+" RETURNING seq")
	}
}

// addNumbering adds the statements that give numbers to commits that have
// none, and to those that ask for them.
func (st *feedStatements) addNumbering(c *catalog) {
	d := c.dialect
	if d.oneWriter {
		return
	}
	st.lockHeadIfFree = c.add(onEachShard, "lock free feed head", "SELECT number, last_us, incarnation FROM {heads} WHERE audience = ?"+d.lock+" SKIP LOCKED")
	st.anyUnnumbered = c.add(onEachShard, "any commit without number", "SELECT 1 FROM {feed} WHERE audience = ? AND number = 0 LIMIT 1")
	// Not just seq, or a planner goes through the whole feed in that order.
	st.unnumbered = c.add(onEachShard, "commits without number", "SELECT seq, at_us FROM {feed} WHERE audience = ? AND number = 0 ORDER BY seq + 0 LIMIT ?")
	st.unnumberedOf = c.add(onEachShard, "commits without number among some", "SELECT seq, at_us FROM {feed} WHERE audience = ? AND number = 0 AND seq {in bigint} ORDER BY seq + 0")
	st.numbersOf = c.add(onEachShard, "numbers of commits", "SELECT number FROM {feed} WHERE audience = ? AND number > 0 AND seq {in bigint}")
	if d.arrays {
		st.tell = c.add(everywhere, "tell of commits", "SELECT pg_notify(?, id::text) FROM unnest(?::bigint[]) AS r(id)")
		st.numbers = c.add(onEachShard, "number commits", "UPDATE {feed} AS f SET number = r.number, at_us = r.at_us"+
			" FROM unnest(?::bigint[], ?::bigint[], ?::bigint[]) AS r(seq, number, at_us) WHERE f.seq = r.seq")
		return
	}
	st.drop = c.add(onEachShard, "drop commits", d.removeListed("feed", "PRIMARY", "seq", "audience"))
	for n := 1; n <= mostNumbered; n *= 2 {
		when := "CASE seq" + strings.Repeat(" WHEN ? THEN ?", n) + " END"
		st.numberSome = append(st.numberSome, c.add(onEachShard, "number commits",
			"UPDATE {feed}"+d.force("PRIMARY")+" SET at_us = "+when+", number = "+when+
				" WHERE seq IN ("+strings.TrimSuffix(strings.Repeat("?, ", n), ", ")+")"))
	}
}

// outside is a session of single statements, each by itself on whatever
// connection is free: it sees what is committed by now.
func (p *partition) outside() *session { return &session{p: p, q: p.store.db} }

// life gives the incarnation.
func (p *partition) life() store.Incarnation { return *p.incarnation.Load() }

// Head gives the position of the last commit.
func (p *partition) Head(ctx context.Context) (store.Position, error) {
	if err := p.enter(ctx); err != nil {
		return store.Position{}, err
	}
	if err := p.number(ctx); err != nil {
		return store.Position{}, err
	}
	h, err := p.readHead(ctx, p.outside())
	if err != nil {
		return store.Position{}, err
	}
	at := place{n: h.number}
	return at.position(p.life())
}
