package rowcodec

import (
	"github.com/audiencekit/audiencekit/audience"
)

// AppendRecord appends the blob of a ledger row: the canonical bytes of the
// record, their length in front of them, and its hash.
func AppendRecord(b []byte, r *audience.ConsentRecord) []byte {
	e := encoder{b: append(b, version1)}
	e.record(r)
	return e.b
}

// Record reads what [AppendRecord] made. Hash is the one that was stored:
// whether it is that of the record is for CheckLink to say, so that a chain
// somebody has changed can still be read and shown for what it is.
func Record(b []byte) (audience.ConsentRecord, error) {
	d := open("ledger record", b)
	r := d.record()
	if err := d.close(); err != nil {
		return audience.ConsentRecord{}, err
	}
	return r, nil
}

func (e *encoder) record(r *audience.ConsentRecord) {
	canonical := r.Canonical()
	e.uint(uint64(len(canonical)))
	e.b = append(e.b, canonical...)
	e.hash(r.Hash)
}

func (d *decoder) record() audience.ConsentRecord {
	canonical := d.bytes(d.uint())
	if !d.ok() {
		return audience.ConsentRecord{}
	}
	r, err := audience.ParseConsentRecord(canonical)
	if err != nil {
		d.at -= len(canonical)
		d.fail()
		return audience.ConsentRecord{}
	}
	r.Hash = d.hash()
	return r
}
