package store

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Adapter is what a kind of store implements; hosts make one and hand it to
// [Open]. It keeps rows and transactions; rules live above it, in this
// package, once for all adapters. What has to hold is written at the roles
// below and checked by storetest.
//
// An Adapter, its partitions and their methods are safe for concurrent use.
type Adapter interface {
	// Name is the prefix of the adapter's errors, such as "memstore".
	Name() string
	// Partition opens the rows of one audience, making an empty partition
	// when there is none. Nothing of one partition is visible in another.
	Partition(ctx context.Context, audience string) (Partition, error)
	// Close releases what the adapter holds. Calls after it, and calls on its
	// partitions, fail with audience.ErrClosed.
	Close() error
}

// Partition holds the rows of one audience.
type Partition interface {
	// View calls fn with a snapshot: every read in it sees the same commit,
	// whole, however long it lasts and whoever writes meanwhile. It gives fn's
	// error. The roles must not be used after fn returns.
	View(ctx context.Context, fn func(ReadRoles) error) error

	// Update calls fn in a transaction and commits when it returns nil. An
	// error or a panic of fn rolls everything back and is given on. Reads in
	// fn see its own writes. Transactions are serializable at least with
	// regard to every row they lock or write; on a serialization failure fn
	// is called again, a bounded number of times. Where transactions overlap
	// it is called again too when its error is audience.ErrRetryable: somebody
	// has overtaken it, and what it read is no longer true. A cancelled ctx
	// before the commit rolls back. A write that is refused
	// with one of the errors named at the roles leaves the transaction as it
	// was before that write: fn may go on and commit.
	//
	// The Position covers the commit; it is the zero Position when fn wrote no
	// change to the feed. It need not be the commit's own: the commit is in
	// the feed up to it, and commits that begin later are not.
	Update(ctx context.Context, fn func(WriteRoles) error) (Position, error)

	FeedReader
}

// FeedReader reads the change feed: every commit that appended changes,
// exactly once, in one order for all readers, which respects acknowledgement
// (a commit that was acknowledged before another began comes first) and,
// per contact, the order of commits.
type FeedReader interface {
	// Commits gives up to limit commits after a position, in feed order; none
	// when there are none. The zero Position is before the first commit. A
	// position of another incarnation, ahead of the feed or trimmed away is
	// audience.ErrPositionGone; so is the zero Position once anything was
	// trimmed. Who reads with the position of each page's last commit gets
	// every commit, also those of transactions that were open meanwhile.
	Commits(ctx context.Context, after Position, limit int) ([]Commit, error)
	// Head gives the position of the last commit, zero before the first.
	Head(ctx context.Context) (Position, error)
	// Trim forgets the commits up to and including a position; what is
	// trimmed already stays trimmed, and the zero Position trims nothing. Head,
	// LastCommit and all rows stay. Positions are refused as by Commits, but
	// for those that are only trimmed away.
	Trim(ctx context.Context, through Position) error
}

// ReadRoles is what an adapter can read in a snapshot or a transaction.
// Batches come in, batches go out; no method may be called concurrently.
// Slices that are returned are not changed afterwards by anybody, nor are those
// that a writer was given or what they point to, but for the values of records,
// which stay the caller's: an adapter may keep the others.
//
// Unless a method says otherwise ids and hashes may come in any order and
// more than once, and each is answered once; what does not exist is left out;
// an empty batch does nothing; a limit below 1 is audience.ErrInvalid; texts
// and keys compare by bytes; instants are in UTC and whole microseconds. A
// cancelled ctx is its error, in every method.
type ReadRoles interface {
	ContactReader
	EventReader
	ListReader
	LedgerReader
	SuppressionReader
	RecordReader
	MergeReader
	// Position gives the position of the snapshot: the feed after it has
	// exactly the commits that the snapshot does not contain. In a transaction
	// it is that of its beginning.
	Position(ctx context.Context) (Position, error)
	// LastCommit gives the latest commit instant among the visible commits of
	// the feed, trimmed or not, zero when there is none. In a transaction it is
	// that of its beginning.
	LastCommit(ctx context.Context) (time.Time, error)
}

// WriteRoles is what an adapter can do in a transaction.
type WriteRoles interface {
	ReadRoles
	ContactWriter
	EventWriter
	ListWriter
	LedgerWriter
	SuppressionWriter
	RecordWriter
	MergeWriter
	FeedWriter
}

// ContactReader reads contact rows and identities.
type ContactReader interface {
	// Resolve gives the contact that holds each identity, 0 where nobody
	// does; one result per identity, in order. Keys compare by bytes.
	Resolve(ctx context.Context, identities []audience.Identity) ([]audience.ContactID, error)
	// Contacts gives the rows that exist, in the order of ids; an id that
	// comes twice is answered twice.
	Contacts(ctx context.Context, ids []audience.ContactID) ([]audience.Contact, error)
	// ContactsAfter gives up to limit rows with an id above after, ascending;
	// fewer only when there are no more, as every read with a limit.
	ContactsAfter(ctx context.Context, after audience.ContactID, limit int) ([]audience.Contact, error)
}

// ContactWriter writes contact rows and identities.
type ContactWriter interface {
	// NewContactIDs gives n ids that were never given before, also not in a
	// transaction that was rolled back, nor before a restart; ascending. When
	// there are too few left it is audience.ErrFull, and none is given.
	NewContactIDs(ctx context.Context, n int) ([]audience.ContactID, error)
	// LockContacts is Contacts, and holds the rows until the end of the
	// transaction: nobody else writes them meanwhile.
	LockContacts(ctx context.Context, ids []audience.ContactID) ([]audience.Contact, error)
	// PutContacts stores rows by id. The stored row must have the version
	// Expect, or not exist when Expect is 0; else nothing is stored and the
	// error is audience.ErrConflict. An id that was never given, such as 0, is
	// audience.ErrInvalid; one that was given and deleted may come back. Each
	// id comes once.
	PutContacts(ctx context.Context, rows []ContactRow) error
	// DeleteContacts removes rows; those that do not exist are no error.
	// Identities stay until they are released.
	DeleteContacts(ctx context.Context, ids []audience.ContactID) error
	// ClaimIdentities gives identities to contacts. One that another contact
	// holds, or that two of the claims are about, is audience.ErrConflict, and
	// nothing is claimed; claiming what one holds is harmless. A claim of
	// contact 0 is that nobody holds it: it leaves none, and until the end of
	// the transaction nobody else's claim of it succeeds.
	ClaimIdentities(ctx context.Context, claims []Claim) error
	// ReleaseIdentities takes identities from the contacts that hold them; one
	// that another contact holds stays.
	ReleaseIdentities(ctx context.Context, claims []Claim) error
}

// ContactRow is a contact to be stored.
type ContactRow struct {
	Contact *audience.Contact // not changed afterwards by anybody: the adapter may keep it
	Expect  uint64            // version of the stored row, 0: there is none
}

// Claim is an identity and the contact that has it.
type Claim struct {
	Identity audience.Identity
	Contact  audience.ContactID
}

// EventKey names an event by the contact it was written under and its id.
type EventKey struct {
	Origin audience.ContactID
	ID     string
}

// EventQuery asks for events by the contacts they were written under.
type EventQuery struct {
	Origins   []audience.ContactID
	Types     []string // nil: every type; empty but not nil: none
	Retracted bool     // also those taken back
}

// EventReader reads events. Of an event that was revised only the latest
// revision exists.
type EventReader interface {
	// Events gives the events in order of origin, type, time and id, texts by
	// bytes. Contact is set to Origin.
	Events(ctx context.Context, q EventQuery) ([]audience.Event, error)
	// EventsByKey gives the events that exist, also those taken back, in any
	// order; one whose key comes twice may come twice.
	EventsByKey(ctx context.Context, keys []EventKey) ([]audience.Event, error)
	// EventCounts gives how many events, taken back or not, each origin has
	// of each type, one result per key, in order; a key that comes twice is
	// answered twice.
	EventCounts(ctx context.Context, keys []EventCountKey) ([]int, error)
}

// EventCountKey names the events of one type written under one contact.
type EventCountKey struct {
	Origin audience.ContactID
	Type   string
}

// EventWriter writes events.
type EventWriter interface {
	// PutEvents stores events by (Origin, ID), each at most once; one that
	// exists is superseded, whatever its revision or type: the caller has
	// checked.
	PutEvents(ctx context.Context, events []audience.Event) error
	// DeleteEvents removes every event written under the contacts.
	DeleteEvents(ctx context.Context, origins []audience.ContactID) error
}

// Membership is one contact on one static or test list.
type Membership struct {
	List   string
	Origin audience.ContactID // under whom it was written
	At     time.Time
	Source audience.Source
}

// ListReader reads hand-picked lists.
type ListReader interface {
	// Memberships gives the memberships of the contacts in order of origin
	// and list name.
	Memberships(ctx context.Context, origins []audience.ContactID) ([]Membership, error)
	// MembersAfter gives up to limit members of a list with an
	// origin above after, ascending.
	MembersAfter(ctx context.Context, list string, after audience.ContactID, limit int) ([]Membership, error)
}

// ListWriter writes hand-picked lists.
type ListWriter interface {
	// AddMembers adds memberships; those that exist stay as they are.
	AddMembers(ctx context.Context, members []Membership) error
	// RemoveMembers removes memberships by list and origin; those that do not
	// exist are no error.
	RemoveMembers(ctx context.Context, members []Membership) error
}

// LedgerReader reads the ledger.
type LedgerReader interface {
	// Ledger gives the records of the contacts' chains in order of contact
	// and sequence.
	Ledger(ctx context.Context, contacts []audience.ContactID) ([]audience.ConsentRecord, error)
	// LedgerHeads gives the last record of each chain that has any, in order
	// of contact.
	LedgerHeads(ctx context.Context, contacts []audience.ContactID) ([]audience.ConsentRecord, error)
	// LedgerHeadsAfter gives the last record of up to limit chains of contacts
	// with an id above after, ascending, whether or not the contact is still
	// there.
	LedgerHeadsAfter(ctx context.Context, after audience.ContactID, limit int) ([]audience.ConsentRecord, error)
}

// LedgerWriter appends to the ledger. There is no way to change or remove a
// record.
type LedgerWriter interface {
	// AppendLedger appends records, which may be of several contacts and
	// several of one contact, in order. It calls CheckLink for each against
	// the end of its chain and gives its error, appending nothing.
	AppendLedger(ctx context.Context, records []audience.ConsentRecord) error
}

// SuppressionReader reads suppressions.
type SuppressionReader interface {
	// Suppressions gives every suppression of the hashes, lifted or not, in
	// any order.
	Suppressions(ctx context.Context, hashes []audience.AddressHash) ([]audience.Suppression, error)
	// SuppressionsAfter gives up to limit suppressions after
	// one, in order of key id, sum and reason; the zero Suppression is before
	// the first.
	SuppressionsAfter(ctx context.Context, after audience.Suppression, limit int) ([]audience.Suppression, error)
	// SuppressionKeys gives the key ids that suppressions name, sorted.
	SuppressionKeys(ctx context.Context) ([]string, error)
}

// SuppressionWriter writes suppressions.
type SuppressionWriter interface {
	// PutSuppressions stores suppressions by hash and reason; one that exists
	// is replaced. The caller has decided by what Suppressions gave in this
	// transaction: when somebody else has changed it since, the transaction has
	// to begin again.
	PutSuppressions(ctx context.Context, suppressions []audience.Suppression) error
	// MoveSuppressions stores suppressions as PutSuppressions does, and removes
	// those that they replace: the same reason under another hash of the same
	// address. What does not exist is not removed. There is no way to remove a
	// suppression without storing another one.
	MoveSuppressions(ctx context.Context, moves []SuppressionMove) error
}

// SuppressionMove is a suppression and the hash under which it was held before.
type SuppressionMove struct {
	From audience.AddressHash
	To   audience.Suppression
}

// Record is one entry of a feature's own state. It prints its namespace and
// version only.
type Record struct {
	Namespace string // the feature, such as "import"
	Key       string
	Value     []byte
	Version   uint64             // grows with every write, and never comes again in the partition; 0 in a write that wants none to exist
	Expires   time.Time          // zero: never; from that instant on it does not exist
	Contact   audience.ContactID // whose it is, erased with her; 0: nobody's
}

// Format prints namespace and version, whatever the verb: key and value may
// be personal.
func (r Record) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(r.mask())) }

// LogValue logs what Format prints.
func (r Record) LogValue() slog.Value { return slog.StringValue(r.mask()) }

// MarshalJSON gives what Format prints; adapters store the members.
func (r Record) MarshalJSON() ([]byte, error) { return json.Marshal(r.mask()) }

func (r *Record) mask() string { return fmt.Sprintf("record of %s v%d", r.Namespace, r.Version) }

// RecordReader reads features' own state. An expired record does not exist.
type RecordReader interface {
	// Record gives one record, audience.ErrNotFound when there is none at the
	// instant.
	Record(ctx context.Context, namespace, key string, at time.Time) (Record, error)
	// RecordsAfter gives up to limit records of a namespace
	// whose key starts with prefix and is above after, in order of key bytes.
	RecordsAfter(ctx context.Context, namespace, prefix, after string, limit int, at time.Time) ([]Record, error)
}

// RecordWriter writes features' own state.
type RecordWriter interface {
	// PutRecords stores records, each namespace and key at most once, and
	// gives their new versions in order. Each stored version must equal the
	// one given, 0 when none may exist (or it has expired at the instant);
	// else nothing is stored and the error is audience.ErrConflict. An empty
	// namespace or key is audience.ErrInvalid.
	PutRecords(ctx context.Context, records []Record, at time.Time) ([]uint64, error)
	// DeleteRecord removes a record of the version given, expired or not;
	// another version is audience.ErrConflict, none is audience.ErrNotFound.
	DeleteRecord(ctx context.Context, namespace, key string, version uint64) error
	// DeleteRecordsOf removes every record of the contacts in all namespaces
	// but those kept. Records of nobody, contact 0, stay.
	DeleteRecordsOf(ctx context.Context, contacts []audience.ContactID, keep []string) error
}

// Merge is the merge of a contact into another one, while it stands.
type Merge struct {
	Loser      audience.ContactID
	Winner     audience.ContactID
	At         time.Time
	Number     uint64           // grows along the merges of an audience
	WinnerSeq  uint64           // records in the winner's chain at the merge
	LoserRow   audience.Contact // as she was, for undoing
	Identities []audience.Identity
	Source     audience.Source
}

// MergeReader reads merges.
type MergeReader interface {
	// Redirect gives for each id the contact that stands for it now: itself
	// when its row exists, the last winner when it was merged, 0 when neither
	// or when the merges go round in a circle. One result per id, in order.
	Redirect(ctx context.Context, ids []audience.ContactID) ([]audience.ContactID, error)
	// Merges gives the merges whose winner is among ids, in order of winner
	// and number.
	Merges(ctx context.Context, winners []audience.ContactID) ([]Merge, error)
	// MergeOf gives the merge of a loser, audience.ErrNotFound when there is
	// none.
	MergeOf(ctx context.Context, loser audience.ContactID) (Merge, error)
}

// MergeWriter writes merges.
type MergeWriter interface {
	// PutMerge stores a merge by loser, in place of the one there is, giving
	// it the next number.
	PutMerge(ctx context.Context, m Merge) error
	// DeleteMerges removes the merges of losers; none is no error.
	DeleteMerges(ctx context.Context, losers []audience.ContactID) error
}

// FeedWriter writes the change feed.
type FeedWriter interface {
	// AppendChanges appends to the changes of this transaction, which become
	// one Commit of the feed in the order of the calls, dated with the latest
	// of the instants. Without changes it does nothing. Nobody changes them
	// afterwards, so that the adapter may keep them. Commits are never
	// dated before the one in front of them: an adapter whose transactions
	// overlap raises the instant where it orders them.
	AppendChanges(ctx context.Context, at time.Time, changes []Change) error
	// BlankChanges empties, in every commit so far and in this transaction,
	// the changes that concern one of the contacts ([Change.Concerns]), as
	// [Change.Blank] does; with kinds only those of the kinds. Commits and
	// positions stay.
	BlankChanges(ctx context.Context, contacts []audience.ContactID, kinds ...ChangeKind) error
}
