package sqlstore

import "strings"

// catalog holds every statement of the adapter, so that they can be listed.
type catalog struct {
	dialect    *dialect
	statements []*statement
	insertions []*insertion
}

// add makes a statement.
func (c *catalog) add(key shardKey, name, text string) *statement {
	st := &statement{name: name, key: key, text: text}
	c.statements = append(c.statements, st)
	return st
}

// points makes a statement that locks rows by the first columns of an index: by
// comparisons with = ? and a list. MySQL may look for the equal columns alone,
// and waits for all the rows that have these in common when host transactions
// have them open. A list of one and of NULL, which nothing is equal to, leaves
// it the whole key to look for.
func (c *catalog) points(key shardKey, name, text string) *statement {
	if c.dialect.kind == MySQL {
		text = strings.ReplaceAll(text, " = ?", " IN (?, NULL)")
	}
	return c.add(key, name, text)
}

// insert makes an insertion. A transaction is of one audience, whose column is
// the first one of every table.
func (c *catalog) insert(in insertion) *insertion {
	in.same = max(in.same, 1)
	c.insertions = append(c.insertions, &in)
	return &in
}

// statements are all there are, by what they are about.
type statements struct {
	*catalog
	partitions   partitionStatements
	counters     counterStatements
	contacts     contactStatements
	identities   identityStatements
	tags         tagStatements
	feed         feedStatements
	joins        joinStatements
	events       eventStatements
	members      memberStatements
	ledger       ledgerStatements
	standings    standingStatements
	suppressions suppressionStatements
	records      recordStatements
	merges       mergeStatements
	check        checkStatements
}

func newStatements(d *dialect) *statements {
	c := &catalog{dialect: d}
	return &statements{
		catalog:      c,
		partitions:   newPartitionStatements(c),
		counters:     newCounterStatements(c),
		contacts:     newContactStatements(c),
		identities:   newIdentityStatements(c),
		tags:         newTagStatements(c),
		feed:         newFeedStatements(c),
		joins:        newJoinStatements(c),
		events:       newEventStatements(c),
		members:      newMemberStatements(c),
		ledger:       newLedgerStatements(c),
		standings:    newStandingStatements(c),
		suppressions: newSuppressionStatements(c),
		records:      newRecordStatements(c),
		merges:       newMergeStatements(c),
		check:        newCheckStatements(c),
	}
}
