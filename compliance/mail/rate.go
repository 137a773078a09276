package mail

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// Rate is how many of the messages to one domain were complained about.
type Rate struct {
	Domain     string
	Days       int // over how many days, today included
	Sent       int
	Complaints int

	floor int
}

// Share gives complaints by messages sent, of which at least the floor of the
// options counts. It is at most 1.
func (r Rate) Share() float64 {
	sent := max(r.Sent, r.floor, r.Complaints)
	if sent == 0 {
		return 0
	}
	return float64(r.Complaints) / float64(sent)
}

// Severity gives [SeverityWarn] from 0.1 % on and [SeverityBlock] from 0.3 %
// on, where Gmail and Yahoo stop taking mail (their sender requirements of
// 2024); "" below.
func (r Rate) Severity() Severity {
	switch share := r.Share(); {
	case share >= 0.003:
		return SeverityBlock
	case share >= 0.001:
		return SeverityWarn
	default:
		return ""
	}
}

// day is the counters of a domain and a day.
type day struct {
	Sent       int `json:"sent,omitempty"`
	Complaints int `json:"complaints,omitempty"`
}

// CountSent says how many messages were handed over, by recipient domain. A
// host calls it once per batch. Domains are kept as keyed hashes, since some
// people have one to themselves.
//
// Without keys it is [audience.ErrDenied]; negative numbers are
// [audience.ErrInvalid].
func (f *Feedback) CountSent(ctx context.Context, sent map[string]int) error {
	if f.aud.Keys().IsZero() {
		return &audience.DeniedError{Rule: "key", Hint: "keys, under which domains are counted"}
	}
	for _, n := range sent {
		if n < 0 {
			return &audience.FieldError{Path: "sent", Rule: "range", Hint: "a number of messages"}
		}
	}
	return f.update(ctx, func(tx *store.Tx) error {
		for _, domain := range slices.Sorted(maps.Keys(sent)) {
			if err := f.add(ctx, tx, domain, day{Sent: sent[domain]}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Rate gives the complaint rate of a recipient domain. Without keys it is
// [audience.ErrDenied].
func (f *Feedback) Rate(ctx context.Context, domain string) (Rate, error) {
	if f.aud.Keys().IsZero() {
		return Rate{}, &audience.DeniedError{Rule: "key", Hint: "keys, under which domains are counted"}
	}
	var out Rate
	err := f.aud.View(ctx, func(r *store.Reader) (err error) {
		out, err = f.rate(ctx, r, domain, f.aud.Now())
		return err
	})
	return out, err
}

func (f *Feedback) rate(ctx context.Context, r *store.Reader, domain string, at time.Time) (Rate, error) {
	out := Rate{Domain: domain, Days: f.opts.RateDays, floor: f.opts.RateFloor}
	first := dayKey(at.AddDate(0, 0, 1-f.opts.RateDays))
	for _, key := range f.macs("rate", []byte(strings.ToLower(domain))) {
		prefix := "rate/" + key + "/"
		for after := ""; ; {
			records, err := r.Records(ctx, namespace, prefix, after, maxRateDays)
			if err != nil {
				return out, err
			}
			for _, rec := range records {
				after = rec.Key
				var d day
				if err := json.Unmarshal(rec.Value, &d); err != nil {
					return out, err
				}
				if rec.Key >= prefix+first {
					out.Sent, out.Complaints = out.Sent+d.Sent, out.Complaints+d.Complaints
				}
			}
			if len(records) < maxRateDays {
				break
			}
		}
	}
	return out, nil
}

// complained counts a complaint, and keeps the rate when that raises the alarm.
func (a *application) complained(ctx context.Context, domain string) error {
	if domain == "" || a.f.aud.Keys().IsZero() {
		return nil
	}
	before, err := a.f.rate(ctx, &a.tx.Reader, domain, a.tx.At())
	if err != nil {
		return err
	}
	if err := a.f.add(ctx, a.tx, domain, day{Complaints: 1}); err != nil {
		return err
	}
	after := before
	after.Complaints++
	if after.Severity() != before.Severity() && after.Share() > before.Share() {
		a.alarms = append(a.alarms, after)
	}
	return nil
}

// add adds to the counters of a domain and today.
func (f *Feedback) add(ctx context.Context, tx *store.Tx, domain string, d day) error {
	key := "rate/" + f.macs("rate", []byte(strings.ToLower(domain)))[0] + "/" + dayKey(tx.At())
	rec, err := tx.LoadRecord(ctx, namespace, key)
	var sum day
	switch {
	case isNotFound(err):
		rec = store.Record{Namespace: namespace, Key: key}
	case err != nil:
		return err
	default:
		if err := json.Unmarshal(rec.Value, &sum); err != nil {
			return err
		}
	}
	sum.Sent, sum.Complaints = sum.Sent+d.Sent, sum.Complaints+d.Complaints
	if rec.Value, err = json.Marshal(sum); err != nil {
		return err
	}
	rec.Expires = tx.At().AddDate(0, 0, f.opts.RateDays+1)
	_, err = tx.SaveRecord(ctx, rec)
	return err
}

func dayKey(t time.Time) string { return t.UTC().Format("20060102") }

// macs gives keyed hashes of a text under every key, the primary one first:
// what must not be guessed from a dump. None without keys.
func (f *Feedback) macs(purpose string, text []byte) []string {
	keys := f.aud.Keys()
	ids := keys.IDs()
	slices.SortStableFunc(ids, func(a, b string) int {
		rank := func(id string) int {
			if id == keys.Primary() {
				return 0
			}
			return 1
		}
		return cmp.Compare(rank(a), rank(b))
	})
	var out []string
	for _, id := range ids {
		key, ok := keys.Derive(id, "audience/compliance/mail/"+purpose+"/v1")
		if !ok {
			continue
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(f.aud.Name() + "\x00"))
		mac.Write(text)
		out = append(out, hex.EncodeToString(mac.Sum(nil)[:16]))
	}
	return out
}

// digest is over everything that a report says, each text with its length.
func (r *Report) digest() []byte {
	h := sha256.New()
	add := func(texts ...string) {
		for _, s := range texts {
			var n [8]byte
			binary.BigEndian.PutUint64(n[:], uint64(len(s)))
			h.Write(n[:])
			h.Write([]byte(s))
		}
	}
	add(string(r.Kind), strconv.FormatBool(r.Guessed), r.Type, r.Reporter, r.At.UTC().Format(time.RFC3339Nano), r.ID.Reveal(), r.MessageID.Reveal(), r.To.Canonical())
	for _, t := range r.Tokens {
		add("token", t.Reveal())
	}
	for i := range r.Recipients {
		p := &r.Recipients[i]
		add("recipient", p.Address.Canonical(), p.Original.Canonical(), p.Action, p.Status, p.Code, string(p.Class), p.Diagnostic.Reveal())
	}
	return h.Sum(nil)
}

func isNotFound(err error) bool { return errors.Is(err, audience.ErrNotFound) }
