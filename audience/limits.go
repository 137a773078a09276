package audience

// Limits bound what an audience accepts, so that no expression, page or
// batch can cost more than they allow. A zero member means its default.
type Limits struct {
	StringBytes   int // one string value, name or phone; default 65,536
	ListItems     int // items of one list value; default 1,000
	NameBytes     int // a name of a field, tag, list, event type, purpose, system; default 200
	KeyBytes      int // an external id or event id; default 512
	Tags          int // tags of one contact; default 1,000
	Fields        int // custom fields of an audience; default 1,000
	Lists         int // lists of an audience, and its purposes; default 1,000
	Identities    int // addresses and external ids of one contact; default 100
	EventTypes    int // event types of an audience; default 500
	EventProps    int // properties of one event type; default 200
	EventsPerType int // events of one type of one contact; default 100,000
	EvidenceBytes int // evidence of one ledger record; default 65,536
	LedgerRecords int // records in a contact's ledger beyond which only refusals, retractions and restrictions are taken; default 1,000
	BatchItems    int // items of one batch; default 10,000
	RecordBytes   int // one value of a feature's own state; default 1 MiB
}

// withDefaults replaces zero and negative members.
func (l Limits) withDefaults() Limits {
	set := func(p *int, def int) {
		if *p <= 0 {
			*p = def
		}
	}
	set(&l.StringBytes, 65_536)
	set(&l.ListItems, 1_000)
	set(&l.NameBytes, 200)
	set(&l.KeyBytes, 512)
	set(&l.Tags, 1_000)
	set(&l.Fields, 1_000)
	set(&l.Lists, 1_000)
	set(&l.Identities, 100)
	set(&l.EventTypes, 500)
	set(&l.EventProps, 200)
	set(&l.EventsPerType, 100_000)
	set(&l.EvidenceBytes, 65_536)
	set(&l.LedgerRecords, 1_000)
	set(&l.BatchItems, 10_000)
	set(&l.RecordBytes, 1<<20)
	return l
}

// WithDefaults gives the limits in force: zero and negative members replaced
// by their defaults.
func (l Limits) WithDefaults() Limits { return l.withDefaults() }
