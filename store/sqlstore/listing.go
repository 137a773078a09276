package sqlstore

// Statement is one SQL statement of the adapter.
type Statement struct {
	// Name is what errors and logs call it. Several statements of one name do
	// the same for other numbers of rows.
	Name string
	// Shard says which rows it is about, and with that where it runs in a store
	// that is spread by contact: "audience", "contact", "identity",
	// "address hash" and "record" are keys that it is given values of, "shard"
	// is the feed of one shard by itself, and "all" is every shard, whose answers
	// are united.
	Shard string
	// Text is what the database gets.
	Text string
}

// Statements gives every statement that reads and writes audiences, in a fixed
// order, with lists and insertions of some items, at least one: to review
// them, to look at their plans, or to route them. Not among them are those that
// are made for a predicate (ExplainCandidates of the roles shows their plan),
// those of [Migrate] and [IndexFields], and what begins and ends transactions.
func (s *Store) Statements(items int) []Statement {
	items = max(items, 1)
	out := make([]Statement, 0, len(s.sql.statements)+len(s.sql.insertions))
	for _, st := range s.sql.statements {
		sizes := []int{items, items, items} // of more lists than any has
		out = append(out, Statement{Name: st.name, Shard: st.key.String(), Text: s.dialect.build(s.prefix, st.text, sizes)})
	}
	for _, in := range s.sql.insertions {
		text := in.text(s.dialect, min(items, s.dialect.mostRows(in)), s.dialect.arrays && items > 1)
		out = append(out, Statement{Name: in.name, Shard: in.key.String(), Text: s.dialect.build(s.prefix, text, nil)})
	}
	return out
}

// String gives the word that [Statement] has.
func (k shardKey) String() string {
	switch k {
	case byAudience:
		return "audience"
	case byContact:
		return "contact"
	case byIdentity:
		return "identity"
	case byHash:
		return "address hash"
	case byRecord:
		return "record"
	case onEachShard:
		return "shard"
	case everywhere:
		return "all"
	default:
		return "none"
	}
}
