package importer

import (
	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Attestation is what the host declares about the consent it holds: who
// attests, how and when people consented. It becomes the evidence of the ledger
// records of the import. The zero Attestation attests nothing, so that nobody
// becomes subscribed.
type Attestation struct {
	Text string
}

// IsZero reports whether nothing is attested.
func (a Attestation) IsZero() bool { return a.Text == "" }

// Options of an import. The zero Options are safe.
type Options struct {
	// Job names the import in the provenance of what it writes: not personal.
	Job string
	// Attestation turns "subscribed" into a grant; without it, it is a
	// request, and the contact is pending.
	Attestation Attestation
	// Limits bound the file.
	Limits Limits
	// OnError gets every bad row in order of the file, also those beyond
	// Limits.Errors.
	OnError func(*RowError)
	// OnProgress is called after each batch.
	OnProgress func(Progress)
}

// check reports what every row would be refused for.
func (o *Options) check(aud *store.Audience) error {
	if o.Job == "" {
		return nil
	}
	return audience.CheckName("job", o.Job, aud.Limits())
}

func (o *Options) source() audience.Source {
	return audience.Source{Kind: audience.SourceImport, Name: o.Job}
}

// Limits bound what is read. A zero member means its default.
type Limits struct {
	Bytes       int64 // of the file; default 1 GiB
	Rows        int   // default 5,000,000
	Columns     int   // default 1,000
	CellBytes   int   // of one cell; default 65,536
	RecordBytes int   // of one row; default 1 MiB
	RecordLines int   // of one row: quoted cells may hold line breaks; default 200
	BatchRows   int   // rows of one transaction; default and most what the audience's batches may hold
	BatchBytes  int   // bytes of one transaction's rows; default 8 MiB
	Errors      int   // bad rows that a Report keeps; default 1,000
}

// WithDefaults gives the limits in force.
func (l Limits) WithDefaults() Limits {
	set := func(p *int, def int) {
		if *p <= 0 {
			*p = def
		}
	}
	if l.Bytes <= 0 {
		l.Bytes = 1 << 30
	}
	set(&l.Rows, 5_000_000)
	set(&l.Columns, 1_000)
	set(&l.CellBytes, 65_536)
	set(&l.RecordBytes, 1<<20)
	set(&l.RecordLines, 200)
	set(&l.BatchRows, 10_000)
	set(&l.BatchBytes, 8<<20)
	set(&l.Errors, 1_000)
	return l
}
