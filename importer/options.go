package importer

import (
	"context"
	"io"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Options of an import: what it needs besides its [Plan]. The zero Options are
// safe. Its functions are called one after the other by the goroutine of the
// call.
type Options struct {
	// Job names an import of events in the provenance of what it writes: not
	// personal. Imports of contacts are named by their Plan.
	Job string
	// Formats are those in which a file may be written.
	Formats []Format
	// Limits bound the file.
	Limits Limits
	// Gate can be stricter about consent; nil: the import's own rule.
	Gate Gate
	// OnRow gets what became of each row, in order of the file: after the
	// batch was committed, and of a preview as soon as it is known. Of an import
	// that is resumed it gets the rows that were not done before.
	OnRow func(RowResult)
	// Diffs asks for RowResult.Changes, which takes time.
	Diffs bool
	// OnError gets every rejected row in order of the file, also those beyond
	// Limits.Errors, and those that were rejected before an import was resumed.
	OnError func(*RowError)
	// OnProgress is called after each batch.
	OnProgress func(Progress)
	// Rejects opens the file of rejected rows when the first one comes; see
	// [RejectsFile]. An import that is resumed writes it whole, with the rows
	// rejected before.
	Rejects func() (io.WriteCloser, error)
	// WhatIf is in whose hands a preview puts its transaction, so that the host
	// learns what else it would change. It calls change as
	// [store.Audience.Try] does and rolls it back; nil: that. The engine's WhatIf
	// tells what live segments would gain and lose.
	WhatIf func(ctx context.Context, change func(*store.Tx) error) error
	// Clock gives the time for Progress.Left; nil: the audience's.
	Clock func() time.Time
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
	Errors      int   // rejected rows that a Report keeps; default 1,000
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

// in bounds a batch by what the audience takes: what the journal keeps of it
// has to fit into one record, at some bytes a row.
func (l Limits) in(aud *store.Audience) Limits {
	const bytesOfRow = 64
	l = l.WithDefaults()
	has := aud.Limits()
	l.BatchRows = min(l.BatchRows, has.BatchItems, max(1, has.RecordBytes/bytesOfRow))
	return l
}

// Progress is how far an import has come.
type Progress struct {
	Rows  int           // rows written or rejected so far
	Bytes int64         // of the file, that were read so far
	Total int64         // bytes of the file; 0: not known
	Left  time.Duration // that it will take, by the rate so far; 0: not known
}
