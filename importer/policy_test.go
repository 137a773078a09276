package importer_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/store"
)

// TestPolicies: what the modes of a plan make of one row about somebody who is
// there, and of one about nobody.
func TestPolicies(t *testing.T) {
	const before = `host:u1 <ann@example.com> "Ann" "" "" 2026-03-01 city=Oslo tags [x y] lists [] none suppressed false`
	ann := []string{"key=u1", "email=ann", "first=Ann", "city=Oslo", "tags=x,y"}
	tests := []struct {
		name string
		plan importer.Plan
		row  []string
		want string // ann; "": as before
		out  importer.Outcome
		skip importer.SkipReason
	}{
		{
			name: "overwrite", row: []string{"key=u1", "email=bea", "first=Bea", "last=Lee", "city=Rome", "score=1", "tags=z"},
			want: `host:u1 <bea@example.com> <ann@example.com> "Bea" "Lee" "" 2026-03-01 city=Rome score=1 tags [x y z] lists [] none suppressed false`,
		},
		{
			name: "fill blanks", plan: importer.Plan{Mode: importer.FillBlanks},
			row:  []string{"key=u1", "email=bea", "first=Bea", "last=Lee", "city=Rome", "score=1", "tags=z"},
			want: `host:u1 <ann@example.com> <bea@example.com> "Ann" "Lee" "" 2026-03-01 city=Oslo score=1 tags [x y z] lists [] none suppressed false`,
		},
		{name: "insert only", plan: importer.Plan{Mode: importer.InsertOnly}, row: []string{"email=ann", "first=Bea"}, out: importer.Skipped, skip: importer.SkippedExisting},
		{
			name: "update only", plan: importer.Plan{Mode: importer.UpdateOnly}, row: []string{"email=ann", "first=Bea"},
			want: `host:u1 <ann@example.com> "Bea" "" "" 2026-03-01 city=Oslo tags [x y] lists [] none suppressed false`,
		},
		{name: "update only of nobody", plan: importer.Plan{Mode: importer.UpdateOnly}, row: []string{"email=bob"}, out: importer.Skipped, skip: importer.SkippedUnknown},
		{
			name: "one field is kept, one filled", plan: importer.Plan{Fields: map[string]importer.FieldMode{"first_name": importer.FieldKeep, "city": importer.FieldFill, "score": importer.FieldFill}},
			row:  []string{"key=u1", "first=Bea", "last=Lee", "city=Rome", "score=1"},
			want: `host:u1 <ann@example.com> "Ann" "Lee" "" 2026-03-01 city=Oslo score=1 tags [x y] lists [] none suppressed false`,
		},
		{
			name: "one field is overwritten", plan: importer.Plan{Mode: importer.FillBlanks, Fields: map[string]importer.FieldMode{"city": importer.FieldOverwrite}},
			row:  []string{"key=u1", "first=Bea", "city=Rome"},
			want: `host:u1 <ann@example.com> "Ann" "" "" 2026-03-01 city=Rome tags [x y] lists [] none suppressed false`,
		},
		{
			name: "tags are replaced", plan: importer.Plan{Tags: importer.TagsReplace, AddTags: []string{"new"}}, row: []string{"key=u1", "tags=y,z"},
			want: `host:u1 <ann@example.com> "Ann" "" "" 2026-03-01 city=Oslo tags [new y z] lists [] none suppressed false`,
		},
		{name: "an empty cell replaces no tags", plan: importer.Plan{Tags: importer.TagsReplace}, row: []string{"key=u1", "blank=tags"}, out: importer.Skipped, skip: importer.SkippedUnchanged},
		{
			name: "unless it clears", plan: importer.Plan{Tags: importer.TagsReplace, Blanks: importer.BlanksClear}, row: []string{"key=u1", "blank=tags"},
			want: `host:u1 <ann@example.com> "Ann" "" "" 2026-03-01 city=Oslo tags [] lists [] none suppressed false`,
		},
		{
			name: "tags are removed", plan: importer.Plan{Tags: importer.TagsRemove}, row: []string{"key=u1", "tags=y,z"},
			want: `host:u1 <ann@example.com> "Ann" "" "" 2026-03-01 city=Oslo tags [x] lists [] none suppressed false`,
		},
		{name: "blanks say nothing", row: []string{"key=u1", "blank=city", "blank=first_name"}, out: importer.Skipped, skip: importer.SkippedUnchanged},
		{
			name: "blanks clear", plan: importer.Plan{Blanks: importer.BlanksClear}, row: []string{"key=u1", "blank=city", "blank=first_name", "blank=phone", "blank=nowhere"},
			want: `host:u1 <ann@example.com> "" "" "" 2026-03-01 tags [x y] lists [] none suppressed false`,
		},
		{name: "blanks do not clear what is only filled", plan: importer.Plan{Mode: importer.FillBlanks, Blanks: importer.BlanksClear}, row: []string{"key=u1", "blank=city"}, out: importer.Skipped, skip: importer.SkippedUnchanged},
		{
			name: "lists", plan: importer.Plan{AddLists: []string{"vip"}}, row: []string{"key=u1", "list=pals"},
			want: `host:u1 <ann@example.com> "Ann" "" "" 2026-03-01 city=Oslo tags [x y] lists [pals vip] none suppressed false`,
		},
		{name: "a topic is no list", row: []string{"key=u1", "list=news"}, out: importer.Rejected},
		{name: "another id of the system", row: []string{"key=u2", "email=ann"}, out: importer.Rejected},
		{
			name: "an id of another system", row: []string{"shop=s1", "email=ann"},
			want: `host:u1 shop:s1 <ann@example.com> "Ann" "" "" 2026-03-01 city=Oslo tags [x y] lists [] none suppressed false`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.put(row(ann...).Write)
			require.Equal(t, before, w.dump(false))
			var got importer.RowResult
			w.run(&tt.plan, importer.Options{OnRow: func(r importer.RowResult) { got = r }}, row(tt.row...))
			want := tt.want
			if want == "" {
				want = before
			} else {
				require.Equal(t, importer.Updated, got.Outcome)
			}
			if tt.out != 0 {
				require.Equal(t, tt.out, got.Outcome)
			}
			require.Equal(t, tt.skip, got.Skip)
			require.Equal(t, want, w.dump(false))
		})
	}
}

// TestInsertOnlyRecordsRefusals: whatever a plan leaves as it is, a refusal is
// never lost.
func TestInsertOnlyRecordsRefusals(t *testing.T) {
	tests := []struct {
		name   string
		plan   importer.Plan
		before []string // what an import said of her first
		rows   [][]string
		want   []importer.RowResult // without lines
		status string
	}{
		{
			name: "unsubscribed", rows: [][]string{{"key=u1", "first=Bea", "city=Rome", "tags=z", "list=vip", "further=new", "status=unsubscribed"}},
			want: []importer.RowResult{{Outcome: importer.Updated, Contact: 1, Recorded: audience.ConsentWithdrawn}}, status: "unsubscribed",
		},
		{
			name: "bounced, by the address", rows: [][]string{{"email=ann", "status=bounced"}},
			want: []importer.RowResult{{Outcome: importer.Updated, Contact: 1, Recorded: audience.ConsentBounced}}, status: "bounced",
		},
		{
			name: "complained", before: []string{"key=u1", "status=bounced"}, rows: [][]string{{"key=u1", "status=complained"}},
			want: []importer.RowResult{{Outcome: importer.Updated, Contact: 1, Recorded: audience.ConsentComplained}}, status: "complained",
		},
		{
			name: "said again", before: []string{"key=u1", "status=unsubscribed"}, rows: [][]string{{"key=u1", "status=unsubscribed"}, {"key=u1", "status=bounced"}},
			want: []importer.RowResult{
				{Outcome: importer.Skipped, Skip: importer.SkippedExisting, Contact: 1},
				{Outcome: importer.Skipped, Skip: importer.SkippedExisting, Contact: 1, Merged: true},
			}, status: "unsubscribed",
		},
		{
			name: "no consent comes in", rows: [][]string{{"key=u1", "status=subscribed"}, {"key=u1", "status=pending"}},
			want: []importer.RowResult{
				{Outcome: importer.Skipped, Skip: importer.SkippedExisting, Contact: 1},
				{Outcome: importer.Skipped, Skip: importer.SkippedExisting, Contact: 1, Merged: true},
			}, status: "none",
		},
		{
			name: "of the row that does not count", plan: importer.Plan{Duplicates: importer.DuplicatesFirst}, rows: [][]string{{"key=u1"}, {"key=u1", "status=unsubscribed"}},
			want: []importer.RowResult{
				{Outcome: importer.Updated, Contact: 1, Recorded: audience.ConsentWithdrawn},
				{Outcome: importer.Skipped, Skip: importer.SkippedDuplicate},
			}, status: "unsubscribed",
		},
	}
	for _, tt := range tests {
		for _, diffs := range []bool{false, true} {
			t.Run(fmt.Sprint(tt.name, diffs), func(t *testing.T) {
				w := newWorld(t)
				w.put(row("key=u1", "email=ann", "first=Ann", "city=Oslo", "tags=x,y").Write)
				if tt.before != nil {
					w.run(&importer.Plan{Job: "before"}, importer.Options{}, row(tt.before...))
				}
				before := w.dump(false)
				tt.plan.Job, tt.plan.Mode, tt.plan.Attestation = "insert", importer.InsertOnly, importer.Attestation{Text: "opt-in"}
				var got []importer.RowResult
				opts := importer.Options{Diffs: diffs, OnRow: func(r importer.RowResult) {
					if diffs && r.Recorded != 0 {
						require.Len(t, r.Changes, 1)
						require.Equal(t, "status", r.Changes[0].Name)
					} else {
						require.Empty(t, r.Changes)
					}
					r.Line, r.FirstLine, r.Changes = 0, 0, nil
					got = append(got, r)
				}}
				var rows []*importer.Contact
				for _, parts := range tt.rows {
					rows = append(rows, row(parts...))
				}
				report := w.run(&tt.plan, opts, rows...)
				require.Equal(t, tt.want, got)
				require.Equal(t, tt.status, w.status(audience.Key("u1")))
				require.Zero(t, report.Kept)
				if report.Recorded == 0 {
					require.Equal(t, before, w.dump(false))
					return
				}
				after := strings.Replace(before, " none suppressed false", " "+tt.status+" suppressed ", 1)
				after = strings.Replace(after, " bounced suppressed true", " "+tt.status+" suppressed ", 1)
				require.Contains(t, w.dump(false), after, "nothing but the status has changed")

				undone, err := importer.Undo(t.Context(), w.Audience, "insert", importer.UndoOptions{})
				require.NoError(t, err)
				require.Equal(t, 1, undone.Refusals, "which stays, as everywhere")
				require.Equal(t, tt.status, w.status(audience.Key("u1")))
			})
		}
	}
}

// TestDuplicates: which of several rows about one contact count.
func TestDuplicates(t *testing.T) {
	rows := []*importer.Contact{
		row("key=u1", "email=ann", "first=One", "last=Lee"), row("email=bob"), nil,
		row("email=ann", "first=Two"), row("key=u1", "first=Three", "phone=1"),
	}
	for mode, want := range map[importer.DuplicateMode]string{
		importer.DuplicatesMerge: `host:u1 <ann@example.com> "Three" "Lee" "1"`,
		importer.DuplicatesFirst: `host:u1 <ann@example.com> "One" "Lee" ""`,
		importer.DuplicatesLast:  `host:u1 "Three" "" "1"`,
	} {
		for _, kind := range []importer.Mode{importer.Overwrite, importer.InsertOnly, importer.FillBlanks} {
			w := newWorld(t)
			report := w.run(&importer.Plan{Duplicates: mode, Mode: kind}, importer.Options{Limits: importer.Limits{BatchRows: 2}}, rows...)
			require.Contains(t, w.dump(false), want)
			if mode == importer.DuplicatesMerge {
				require.Equal(t, []int{2, 0}, []int{report.Merged, report.Skips.Duplicate})
			} else {
				require.Equal(t, []int{0, 2}, []int{report.Merged, report.Skips.Duplicate})
			}
		}
	}
}

// TestDuplicatesOfTheStore: rows that share no name in the file are about one
// contact when the store knows both names as hers.
func TestDuplicatesOfTheStore(t *testing.T) {
	w := newWorld(t)
	w.put(row("key=u1", "email=ann").Write)
	report := w.run(&importer.Plan{Duplicates: importer.DuplicatesLast}, importer.Options{}, row("key=u1", "first=One"), row("email=ann", "last=Two"))
	require.Equal(t, 1, report.Skips.Duplicate)
	require.Contains(t, w.dump(false), `"" "Two"`)
}

// TestSuppressed: who must not come back.
func TestSuppressed(t *testing.T) {
	for _, keep := range []bool{false, true} {
		w := newWorld(t)
		w.put(row("email=gone").Write)
		w.update(func(tx *store.Tx) error {
			require.NoError(t, tx.Erase(t.Context(), audience.Source{}, audience.Email("gone@example.com")))
			return tx.Suppress(t.Context(), store.SuppressionWrite{Address: audience.MustAddress("no@example.com"), Reason: audience.SuppressedManually})
		})
		plan := attested("")
		if keep {
			plan.Suppressed = importer.SuppressedKeep
		}
		report := w.run(plan, importer.Options{}, row("email=gone", "status=subscribed"), row("key=u1", "email=gone"), row("email=no", "status=subscribed"), row("email=yes", "status=subscribed"))
		if keep {
			require.Equal(t, []int{2, 2, 1}, []int{report.Suppressed, report.Created, report.Kept})
			require.Equal(t, "none", w.status(audience.Email("no@example.com")))
		} else {
			require.Equal(t, []int{3, 1, 0}, []int{report.Suppressed, report.Created, report.Kept})
		}
		_, err := w.Contact(t.Context(), audience.Key("u1"))
		require.ErrorIs(t, err, audience.ErrNotFound)
	}
}

// TestEvidence: what the plan attests and what the row tells is evidence, and
// when she acted is what the row says.
func TestEvidence(t *testing.T) {
	w := newWorld(t)
	plan := attested("spring")
	plan.Attestation.At, plan.Attestation.Source = now, "fair 2025"
	w.run(plan, importer.Options{}, row("email=ann", "status=subscribed", "acted=2025-01-01", "fact=203.0.113.7"))
	w.view(func(r *store.Reader) error {
		h, err := r.History(t.Context(), audience.Email("ann@example.com"))
		require.NoError(t, err)
		require.Len(t, h.Records, 1)
		require.Equal(t, time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), h.Records[0].Acted)
		text, err := r.Evidence(t.Context(), h.Records[0])
		require.NoError(t, err)
		require.JSONEq(t, `{"attested": {"by": "Olga Host", "at": "2026-03-01T12:00:00Z", "text": "They signed up at the counter.", "source": "fair 2025"},
			"row": [{"name": "signup_ip", "text": "203.0.113.7"}]}`, string(text))
		return nil
	})
	_, err := importer.Contacts(t.Context(), w.Audience, sequence(nil), &importer.Plan{Attestation: importer.Attestation{By: "Olga"}}, importer.Options{})
	require.ErrorIs(t, err, audience.ErrInvalid, "she attests nothing")
	_, err = importer.Contacts(t.Context(), w.Audience, sequence(nil), &importer.Plan{Attestation: importer.Attestation{Text: " \n"}}, importer.Options{})
	require.ErrorIs(t, err, audience.ErrInvalid, "nor does a blank")
}

// TestOldRefusals: a refusal from before her consent is recorded once and
// changes nothing; a grant of any date lifts no refusal.
func TestOldRefusals(t *testing.T) {
	w := newWorld(t)
	w.run(attested("1"), importer.Options{}, row("email=ann", "status=subscribed", "acted=2025-06-01"), row("email=bob", "status=unsubscribed", "acted=2025-01-01"))
	old := w.run(attested("2"), importer.Options{}, row("email=ann", "status=unsubscribed", "acted=2025-01-01"), row("email=bob", "status=subscribed", "acted=2026-01-01"))
	require.Equal(t, []int{1, 1}, []int{old.Recorded, old.Kept})
	again := w.run(attested("3"), importer.Options{}, row("email=ann", "status=unsubscribed", "acted=2025-01-01"))
	require.Equal(t, []int{0, 1}, []int{again.Recorded, again.Skips.Unchanged})
	require.Equal(t, "subscribed", w.status(audience.Email("ann@example.com")))
	require.Equal(t, "unsubscribed", w.status(audience.Email("bob@example.com")))
}

// gate answers by what it is asked.
type gate func(importer.Claim) importer.Verdict

func (g gate) Weigh(c importer.Claim) importer.Verdict { return g(c) }

// TestGate: a gate makes an import stricter, never laxer.
func TestGate(t *testing.T) {
	for verdict, want := range map[importer.Verdict]string{
		importer.VerdictAsPlanned: "subscribed", importer.VerdictPending: "pending", importer.VerdictNothing: "none", importer.VerdictReject: "", 99: "",
	} {
		w := newWorld(t)
		var asked []importer.Claim
		opts := importer.Options{Gate: gate(func(c importer.Claim) importer.Verdict { asked = append(asked, c); return verdict })}
		report := w.run(attested(""), opts, row("email=ann", "status=subscribed"), row("email=bob", "status=unsubscribed"), row("email=bob", "status=subscribed"))
		require.Len(t, asked, 1, "refusals, and what a refusal outweighs, are not for it")
		require.Equal(t, "Olga Host", asked[0].Attestation.By)
		require.Equal(t, "unsubscribed", w.status(audience.Email("bob@example.com")))
		if want == "" {
			require.Equal(t, map[string]int{"gate": 1}, report.Codes)
			continue
		}
		require.Equal(t, want, w.status(audience.Email("ann@example.com")))
	}
}

// TestRowsCannotDoWhatImportsCannot: whoever gives the rows.
func TestRowsCannotDoWhatImportsCannot(t *testing.T) {
	w := newWorld(t, func(o *store.Options) {
		o.Schema.Fields = append(o.Schema.Fields, audience.Field{Name: "rank", Type: audience.TypeInt, Owner: "model"})
	})
	w.put(row("email=gone").Write, row("key=u1", "email=ann").Write)
	w.update(func(tx *store.Tx) error {
		return tx.Erase(t.Context(), audience.Source{}, audience.Email("gone@example.com"))
	})
	back := row("email=gone")
	back.Write.Returning = true
	owned := row("key=u1")
	owned.Write.Owner = "model"
	set(&owned.Write, "rank", audience.IntValue(1))
	robbed := row("key=u1", "email=ann")
	robbed.Write.Detach = []audience.Identity{audience.AddressIdentity(audience.MustAddress("other@example.com"))}
	report := w.run(nil, importer.Options{}, back, owned, robbed)
	require.Equal(t, []int{1, 1, 1}, []int{report.Suppressed, report.Rejected, report.Skips.Unchanged})
	require.ErrorIs(t, report.Errors[0], audience.ErrDenied)
}

// TestNobody: rows of the host's that are nothing, or about nobody.
func TestNobody(t *testing.T) {
	w := newWorld(t)
	report, err := importer.Contacts(t.Context(), w.Audience, func(yield func(*importer.Contact, error) bool) { yield(nil, nil) }, nil, importer.Options{})
	require.NoError(t, err)
	require.Equal(t, 1, report.Rejected)
	w.update(func(tx *store.Tx) error {
		_, report, err := importer.Write(t.Context(), tx, []*importer.Contact{nil, {}}, nil, importer.Options{})
		require.NoError(t, err)
		require.Equal(t, 2, report.Rejected)
		return nil
	})
}

// TestRefusalsOfDuplicates: a refusal counts whichever of the rows about a
// contact does.
func TestRefusalsOfDuplicates(t *testing.T) {
	for _, mode := range []importer.DuplicateMode{importer.DuplicatesMerge, importer.DuplicatesFirst, importer.DuplicatesLast} {
		w := newWorld(t)
		p := attested("spring")
		p.Duplicates = mode
		w.run(p, importer.Options{}, row("key=u1", "email=a", "status=subscribed", "acted=2025-01-01"), row("email=a", "status=unsubscribed"), row("email=a", "status=subscribed", "acted=2025-01-01"))
		require.Equal(t, "unsubscribed", w.status(audience.Email("a@example.com")), "%d", mode)
		h := profile(t, w.Audience, audience.Email("a@example.com"))
		last := h.History.Records[len(h.History.Records)-1]
		require.True(t, last.Acted.Equal(now), "when she refused the row that counts does not know")
	}
}

// TestRefusalsWithTooMuchEvidence: the refusal is recorded all the same.
func TestRefusalsWithTooMuchEvidence(t *testing.T) {
	w := newWorld(t, func(o *store.Options) { o.Limits.EvidenceBytes = 20 })
	w.put(row("key=u1", "email=a").Write)
	rep := w.run(&importer.Plan{Job: "spring"}, importer.Options{}, row("key=u1", "email=a", "status=unsubscribed", "fact=1.2.3.4"))
	require.Equal(t, 1, rep.Recorded)
	require.Equal(t, "unsubscribed", w.status(audience.Key("u1")))
}
