package dbtest_test

import (
	"context"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore/dbtest"
)

// pushdownCase is a value that databases are known to get wrong, and who
// matches: yes, no, or nobody knows and neither it nor its negation does.
type pushdownCase struct {
	name  string
	value audience.Value // of the field of its type
	op    store.CompareOp
	with  audience.Value
	want  string
}

func pushdownCases() []pushdownCase {
	text, integer, double := audience.StringValue, audience.IntValue, audience.DoubleValue
	long := strings.Repeat("x", 190)
	return []pushdownCase{
		{"case counts", text("de"), store.Equal, text("DE"), "no"},
		{"capitals come first", text("a"), store.Greater, text("B"), "yes"},
		{"a space at the end", text("DE "), store.Equal, text("DE"), "no"},
		{"a space at the end comes after", text("DE "), store.Greater, text("DE"), "yes"},
		{"a control character comes before a space", text("a\x01"), store.Less, text("a "), "yes"},
		{"and after the end", text("a\x01"), store.Greater, text("a"), "yes"},
		{"a newline", text("a\nb"), store.Equal, text("a\nb"), "yes"},
		{"a newline is not its escape", text("a\nb"), store.Equal, text(`a\nb`), "no"},
		{"quotes and backslashes", text(`a"\b'`), store.Equal, text(`a"\b'`), "yes"},
		{"percent is no pattern", text("abc"), store.Equal, text("a%"), "no"},
		{"emoji", text("😀"), store.Equal, text("😀"), "yes"},
		{"another emoji", text("😀"), store.Equal, text("😁"), "no"},
		{"emoji after the last of the basic plane", text("😀"), store.Greater, text("\uffff"), "yes"},
		{"dotted capital I", text("İ"), store.Equal, text("i"), "no"},
		{"sharp s", text("ß"), store.Equal, text("ss"), "no"},
		{"accents", text("é"), store.Equal, text("e"), "no"},
		{"composed and decomposed", text("é"), store.Equal, text("e\u0301"), "no"},
		{"no text is a text", text(""), store.Equal, text(""), "yes"},
		{"no text comes first", text(""), store.Less, text("\x01"), "yes"},
		{"a text that looks like null", text("null"), store.NotEqual, text(""), "yes"},
		{"long texts", text(long + "0123456789a"), store.Equal, text(long + "0123456789a"), "yes"},
		{"long texts that end differently", text(long + "0123456789a"), store.Equal, text(long + "0123456789b"), "no"},
		{"a long text after its beginning", text(long + "0123456789a"), store.Greater, text(long[:160]), "yes"},
		{"broken UTF-8", text("a"), store.Equal, text("\xff"), "no"},
		{"NUL", text("a"), store.NotEqual, text("a\x00"), "yes"},
		{"a text is no number", text("1"), store.Equal, integer(1), "unknown"},
		{"2^53+1 is not 2^53", integer(1<<53 + 1), store.Equal, integer(1 << 53), "no"},
		{"2^53+1 is more", integer(1<<53 + 1), store.Greater, integer(1 << 53), "yes"},
		{"the least number", integer(math.MinInt64), store.Equal, integer(math.MinInt64), "yes"},
		{"the least number is less", integer(math.MinInt64), store.Less, integer(math.MinInt64 + 1), "yes"},
		{"the greatest number", integer(math.MaxInt64), store.GreaterOrEqual, integer(math.MaxInt64), "yes"},
		{"an int is no double", integer(1), store.Equal, double(1), "unknown"},
		{"minus zero", double(0), store.Equal, double(math.Copysign(0, -1)), "yes"},
		{"negative doubles", double(-2), store.Less, double(-1), "yes"},
		{"the least positive double", double(math.SmallestNonzeroFloat64), store.Greater, double(0), "yes"},
		{"three tenths and the double after it", double(math.Nextafter(0.3, 1)), store.Equal, double(0.3), "no"},
		{"after what is no number", double(-math.MaxFloat64), store.Greater, double(math.NaN()), "yes"},
		{"before infinity", double(math.MaxFloat64), store.Less, double(math.Inf(1)), "yes"},
		{"false before true", audience.BoolValue(false), store.Less, audience.BoolValue(true), "yes"},
		{"a bool is no number", audience.BoolValue(true), store.Equal, integer(1), "unknown"},
		{"the first instant", audience.TimestampValue(audience.MinInstant()), store.Less, audience.TimestampValue(pushdownNow()), "yes"},
		{"an instant far outside", audience.TimestampValue(pushdownNow()), store.Less, audience.TimestampValue(time.Unix(1<<60, 0)), "yes"},
		{"a microsecond", audience.TimestampValue(pushdownNow()), store.Less, audience.TimestampValue(pushdownNow().Add(time.Microsecond)), "yes"},
		{"a date before 1970", audience.DateValue(-1), store.Less, audience.DateValue(0), "yes"},
		{"a date is no instant", audience.DateValue(0), store.Equal, audience.TimestampValue(time.Unix(0, 0)), "unknown"},
		{"what is not there", audience.Value{}, store.NotEqual, text("a"), "unknown"},
	}
}

func TestPushdownCases(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		w := openPushdown(t, d)
		cases := pushdownCases()
		contacts := make([]audience.Contact, len(cases))
		for i, c := range cases {
			if !c.value.IsZero() {
				contacts[i].Fields = []audience.FieldValue{{ID: audience.FieldID(c.value.Type()), Value: c.value}}
			}
		}
		ids := w.add(t, contacts...)
		w.view(t, func(ctx context.Context, r store.PredicateReader) {
			for i, c := range cases {
				field := c.with.Type()
				if !c.value.IsZero() {
					field = c.value.Type()
				}
				feature := store.Feature{Kind: store.FeatureField, Field: audience.FieldID(field)}
				is := store.Compare{Feature: feature, Op: c.op, Value: c.with}
				require.Equal(t, c.want == "yes", isCertain(ctx, t, r, is, ids[i]), c.name)
				require.Equal(t, c.want == "no", isCertain(ctx, t, r, store.Not{Part: is}, ids[i]), "not: %s", c.name)
				require.Equal(t, c.want != "yes", isCertain(ctx, t, r, store.Not{Part: store.IsTrue{Part: is}}, ids[i]), "not true: %s", c.name)
				if c.op == store.Equal {
					among := store.OneOf{Feature: feature, Values: []audience.Value{c.with}}
					require.Equal(t, c.want == "yes", isCertain(ctx, t, r, among, ids[i]), "one of: %s", c.name)
					require.Equal(t, c.want == "no", isCertain(ctx, t, r, store.Not{Part: among}, ids[i]), "none of: %s", c.name)
				}
			}
		})
	})
}

// isCertain asks for one contact, of whom the database has to know.
func isCertain(ctx context.Context, t *testing.T, r store.PredicateReader, p store.Predicate, id audience.ContactID) bool {
	t.Helper()
	her := store.Compare{Feature: store.Feature{Kind: store.FeatureID}, Op: store.Equal, Value: audience.IntValue(int64(id))}
	got, err := r.Candidates(ctx, store.And{her, p}, pushdownNow(), 0, 2)
	require.NoError(t, err)
	if len(got) == 0 {
		return false
	}
	require.Equal(t, id, got[0].ID)
	require.True(t, got[0].Certain, "%#v", p)
	return true
}

// TestPushdownSums adds up what is hard to add up, and compares with the
// nearest doubles on both sides of the sum.
func TestPushdownSums(t *testing.T) {
	amounts := map[string][]float64{
		"tenths":            {0.1, 0.2},
		"thirds":            {33.3, 33.3, 33.4},
		"cancelling":        {9007199254.740991, 0.000001, -9007199254.740991},
		"negative":          {-0.1, -0.7},
		"many decimals":     {1.0000001},
		"beyond exactness":  {1 << 53, 1, 1},
		"larger than 2^63":  {math.MaxFloat64 / 4, math.MaxFloat64 / 4},
		"not finite":        {math.MaxFloat64, math.MaxFloat64},
		"nothing at all":    {},
		"two thousand ends": {},
	}
	for range 2_000 {
		amounts["two thousand ends"] = append(amounts["two thousand ends"], 9007199254.740991)
	}
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		w := openPushdown(t, d)
		for name, values := range amounts {
			id := w.add(t, audience.Contact{})[0]
			profile := &audience.Profile{Contact: audience.Contact{ID: id}, Parts: audience.ProfileParts{Events: eventTypes()}}
			var events []audience.Event
			for i, v := range values {
				events = append(events, audience.Event{
					Contact: id, Origin: id, ID: string(rune('a' + i)), Type: "purchase", Time: pushdownNow(),
					Props: []audience.EventProp{{ID: 3, Value: audience.DoubleValue(v)}},
				})
			}
			w.update(t, func(roles store.WriteRoles) error { return roles.PutEvents(t.Context(), events) })
			profile.Streams = streamsOf(events)
			w.view(t, func(ctx context.Context, r store.PredicateReader) { compareSums(ctx, t, r, profile, name, values) })
		}
	})
}

func compareSums(ctx context.Context, t *testing.T, r store.PredicateReader, profile *audience.Profile, name string, values []float64) {
	t.Helper()
	total := 0.0
	for _, v := range values {
		total += v
	}
	filter, props := store.EventFilter{Types: []string{"purchase"}}, []audience.PropID{3}
	around := []float64{total, 0.3, 100, 0, -0.8, math.Inf(1), math.Inf(-1), total / float64(len(values))}
	for _, v := range around {
		for _, constant := range []float64{math.Nextafter(v, math.Inf(-1)), v, math.Nextafter(v, math.Inf(1))} {
			for op := store.Equal; op <= store.GreaterOrEqual; op++ {
				for _, p := range []store.Predicate{
					store.CompareSum{Events: filter, Props: props, Op: op, Value: constant},
					store.CompareAvg{Events: filter, Props: props, Op: op, Value: constant},
				} {
					got, err := r.Candidates(ctx, p, pushdownNow(), profile.Contact.ID-1, 1)
					require.NoError(t, err)
					found := len(got) > 0 && got[0].ID == profile.Contact.ID
					match := store.Match(p, profile, pushdownNow())
					require.False(t, match && !found, "%s is missing: %#v", name, p)
					require.False(t, found && got[0].Certain && !match, "%s is certain: %#v", name, p)
				}
			}
		}
	}
}

// TestPushdownLargeSums compares sums near and beyond what databases add up
// exactly: whole numbers of 64 bits.
func TestPushdownLargeSums(t *testing.T) {
	const most = 9_007_199_254.740991 // the largest amount that is kept
	dbtest.Run(t, func(t *testing.T, d dbtest.Database) {
		w := openPushdown(t, d)
		counts := []int{0, 1, 127, 128, 129, 300}
		contacts := make([]audience.Contact, 3*len(counts))
		ids := w.add(t, contacts...)
		w.update(t, func(roles store.WriteRoles) error {
			for i, id := range ids {
				var events []audience.Event
				for k := range counts[i/3] {
					amount := most
					if i%3 == 1 || i%3 == 2 && k%2 == 0 {
						amount = -most
					}
					events = append(events, audience.Event{
						Contact: id, Origin: id, ID: strconv.Itoa(k), Type: "purchase", Time: pushdownNow().Add(time.Duration(k) * time.Second),
						Props: []audience.EventProp{{ID: 1, Value: audience.DoubleValue(amount)}},
					})
				}
				if err := roles.PutEvents(t.Context(), events); err != nil {
					return err
				}
				w.profiles = append(w.profiles, &audience.Profile{
					Contact: contacts[i], Parts: audience.ProfileParts{Events: eventTypes()}, Streams: streamsOf(events),
				})
			}
			return nil
		})
		var values []float64
		for _, n := range counts {
			for _, v := range []float64{most * float64(n), -most * float64(n)} {
				values = append(values, math.Nextafter(v, math.Inf(-1)), v, math.Nextafter(v, math.Inf(1)))
			}
		}
		filter := store.EventFilter{Types: []string{"purchase"}}
		w.view(t, func(ctx context.Context, r store.PredicateReader) {
			for _, v := range values {
				for op := store.Equal; op <= store.GreaterOrEqual; op++ {
					for _, p := range []store.Predicate{
						store.CompareSum{Events: filter, Props: []audience.PropID{1}, Op: op, Value: v},
						store.CompareAvg{Events: filter, Props: []audience.PropID{1}, Op: op, Value: v},
					} {
						got, err := r.Candidates(ctx, p, pushdownNow(), 0, 100)
						require.NoError(t, err)
						certain := map[audience.ContactID]bool{}
						for _, c := range got {
							certain[c.ID] = c.Certain
						}
						for _, profile := range w.profiles {
							match := store.Match(p, profile, pushdownNow())
							sure, found := certain[profile.Contact.ID]
							require.False(t, match && !found || sure && !match, "contact %d: %#v", profile.Contact.ID, p)
						}
					}
				}
			}
		})
	})
}
