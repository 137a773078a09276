package segment_test

import (
	"math"
	"slices"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// naivePeriods are the literal periods; those with a calendar part only when
// asked for.
func naivePeriods(calendar bool) []string {
	out := []string{"1s", "30m", "1h", "4h", "12h", "1d", "7d", "1w", "30d", "2w", "1w2d", "36h", "1d12h", "90d", "1d1s"}
	if calendar {
		out = append(out, "1mo", "1mo", "2mo", "3mo", "6mo", "1y", "1y", "1y6mo10d", "13mo", "1mo1d", "1mo12h", "2y", "4y")
	}
	return out
}

func naiveStringPool() []string {
	return []string{
		"a", "a", "b", "b", "A", "ab", "AB ", " b", "é", "E\u0301", "Zürich", "日本", "\U0001F600", "\uffff", "a\"b", "a\\b", "x\ny", "a.b",
		"12", "-3", "1.5", "+4", "007", "1e400", "NaN", "ab12", "İ", "ß", "`",
	}
}

func naiveAddresses() []string {
	return []string{"ann@example.com", "Ann@Example.com", "bob@example.org", "zoë@bücher.example", "x.y+z@example.net"}
}

func naiveIntPool() []int64 {
	return []int64{0, 1, 1, 2, 3, 5, 10, 30, -1, -3, 100, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, 9007199254740993}
}

func naiveDoublePool() []float64 {
	return []float64{
		0, 1, 1, 2, 5, 0.1, 0.2, 0.7, -0.1, 0.3, 33.3, 33.4, 2.5, -1.5, 100, 1e15, 1e-7, 1e300, 1.7e308, -1.7e308, 5e-324,
		9007199254740992, 9007199254740994, 0.5,
	}
}

func (w *naiveWorld) str() string { return naivePick(w.random, naiveStringPool()) }

// strs gives a set of strings, sorted, each once.
func (w *naiveWorld) strs() []string {
	var out []string
	for range w.random.IntN(4) {
		out = append(out, w.str())
	}
	set, _ := audience.StringListValue(out...).StringList()
	return set
}

func (w *naiveWorld) int() int64 {
	if w.chance(0.7) {
		return int64(w.random.IntN(7)) - 1
	}
	return naivePick(w.random, naiveIntPool())
}

func (w *naiveWorld) double() float64 {
	if w.chance(0.6) {
		return float64(w.random.IntN(30)-5) / 10
	}
	return naivePick(w.random, naiveDoublePool())
}

// value gives a value of a type of the schema.
func (w *naiveWorld) value(t audience.Type) audience.Value {
	switch t {
	case audience.TypeString:
		if w.chance(0.05) {
			return audience.StringValue("") // empty is not absent
		}
		return audience.StringValue(w.str())
	case audience.TypeInt:
		return audience.IntValue(w.int())
	case audience.TypeDouble:
		return audience.DoubleValue(w.double())
	case audience.TypeBool:
		return audience.BoolValue(w.chance(0.5))
	case audience.TypeTimestamp:
		if w.chance(0.03) { // the ends of time, where arithmetic overflows
			return audience.TimestampValue(naivePick(w.random, []time.Time{
				time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
			}))
		}
		return audience.TimestampValue(w.instant())
	case audience.TypeDate:
		return audience.DateValue(audience.Date(w.day()))
	case audience.TypeStringList:
		return audience.StringListValue(w.strs()...)
	}
	return audience.Value{}
}

// day gives the number of a day since 1 January 1970: mostly one near the
// instants, sometimes a birthday long ago or a leap day.
func (w *naiveWorld) day() int {
	wall := naiveWall(w.instant(), w.zone)
	switch w.random.IntN(6) {
	case 0:
		wall = time.Date(1950+w.random.IntN(50), wall.Month(), wall.Day(), 0, 0, 0, 0, time.UTC)
	case 1:
		wall = time.Date(1996, 2, 29, 0, 0, 0, 0, time.UTC)
	case 2:
		wall = wall.AddDate(0, 0, w.random.IntN(5)-2)
	}
	return int(math.Floor(float64(wall.Unix()) / 86400))
}

// newHistory gives a ledger, with the ledgers of merged contacts down to a
// depth.
func (w *naiveWorld) newHistory(id audience.ContactID, depth int) audience.History {
	var h audience.History
	recorded := w.random.Perm(len(w.instants))[:w.random.IntN(6)]
	times := make([]time.Time, 0, len(recorded))
	for _, i := range recorded {
		times = append(times, w.instants[i])
	}
	slices.SortFunc(times, time.Time.Compare)
	for i, t := range times {
		h.Records = append(h.Records, w.newRecord(id, uint64(i+1), t))
	}
	if depth == 0 {
		return h
	}
	merges := make([]time.Time, naivePick(w.random, []int{0, 0, 0, 1, 1, 2}))
	for i := range merges {
		merges[i] = w.instant()
	}
	slices.SortFunc(merges, time.Time.Compare)
	for i, at := range merges {
		m := audience.MergedHistory{At: at}
		for _, r := range h.Records {
			if !r.Recorded.After(at) {
				m.Seq = r.Seq
			}
		}
		m.History = w.newHistory(id+audience.ContactID(1000*depth+i), depth-1)
		late := func(r audience.ConsentRecord) bool { return r.Recorded.After(at) }
		m.History.Records = slices.DeleteFunc(m.History.Records, late) // its chain ended with the merge
		m.History.Merged = slices.DeleteFunc(m.History.Merged, func(o audience.MergedHistory) bool { return o.At.After(at) })
		h.Merged = append(h.Merged, m)
	}
	return h
}

func (w *naiveWorld) newRecord(id audience.ContactID, seq uint64, recorded time.Time) audience.ConsentRecord {
	granted := audience.ConsentGranted
	r := audience.ConsentRecord{
		Contact: id, Seq: seq, Recorded: recorded, Acted: recorded,
		Kind: naivePick(w.random, []audience.ConsentKind{
			audience.ConsentRequested, granted, granted, granted, audience.ConsentWithdrawn,
			audience.ConsentBounced, audience.ConsentComplained,
		}),
		Mechanism: naivePick(w.random, []audience.Mechanism{
			"double-opt-in", "double-opt-in", "single-opt-in", "attested", "paper", "verbal", "pre-ticked", "bundled", "silence", "else",
		}),
		Scope: naivePick(w.random, []audience.Scope{
			{},
			{Channel: "email"},
			{Purpose: "marketing"},
			{Channel: "email", Purpose: "marketing"},
			{Channel: "email", Purpose: "marketing"},
			{Channel: "email", Purpose: "offers"},
			{Channel: "post"},
			{Channel: "email", Purpose: "marketing", List: "news"},
			{Channel: "email", Purpose: "offers", List: "deals"},
			{List: "news"},
		}),
	}
	if w.chance(0.9) {
		r.Evidence[0] = 7
	}
	if w.chance(0.4) { // told later, perhaps as of the instant of another record
		if t := w.instant(); t.Before(recorded) {
			r.Acted = t
		}
	}
	if w.chance(0.3) {
		r.Expires = w.instant()
	}
	if seq > 1 && w.chance(0.2) {
		r.Kind, r.Retracts = audience.ConsentRetracted, 1+w.random.Uint64N(seq-1)
	}
	return r
}
