package web

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const namespaceLimits = "compliance/limit"

// limit is one counter over one window of time.
type limit struct {
	kind   string // "address", "prefix", "domain", "form", "global"
	value  string // what is counted; never kept but as a keyed hash
	max    int
	window time.Duration
}

// public reports whether reaching the limit says nothing about an address, so
// that it may be told.
func (l *limit) public() bool { return l.kind == "prefix" || l.kind == "form" || l.kind == "global" }

// verdict is what became of a reservation.
type verdict struct {
	reached string // the kind of the first limit that was reached; "": none
	public  bool
	first   bool // nobody before had reached it in this window
}

// limits are those of one use of a form by somebody.
func (p *Pages) limits(q *request, form string, a audience.Address) []limit {
	l := &p.opts.Limits
	return []limit{
		{"prefix", limitPrefix(p.clientIP(q.Request)), l.PerPrefix, time.Hour},
		{"form", form, l.PerForm, time.Hour},
		{"global", "", l.Global, time.Hour},
		{"domain", a.Domain(), l.PerDomain, time.Hour},
		{"address", mailsOf(form) + " " + a.Canonical(), l.PerAddress, 24 * time.Hour},
	}
}

// mailsOf names the mails that a form causes, for the limit of each address:
// whoever has signups mailed to somebody must not use up the links with which
// she would leave, nor what she asks for in her preferences.
func mailsOf(form string) string {
	if form == linkForm || form == formOfPreferences {
		return form
	}
	return "signup"
}

// reserve counts one use, in the transaction that acts on it: so there are
// never more acts than the limit, in however many processes. It makes the same
// writes whatever the verdict is, but that it stops at the first public limit,
// which is about whoever asks. Counters end with their window.
func (p *Pages) reserve(ctx context.Context, tx *store.Tx, limits []limit) (verdict, error) {
	var v verdict
	records := make([]store.Record, 0, len(limits))
	for i := range limits {
		l := &limits[i]
		start := tx.At().Truncate(l.window)
		key := l.kind + "/" + hex.EncodeToString(p.secrets.tag("limit", l.kind, l.value)) + "/" + strconv.FormatInt(start.Unix(), 10)
		rec, err := tx.LoadRecord(ctx, namespaceLimits, key)
		if err != nil && !errors.Is(err, audience.ErrNotFound) {
			return v, err
		}
		n, _ := strconv.Atoi(string(rec.Value))
		if n >= l.max && v.reached == "" {
			v = verdict{reached: l.kind, public: l.public(), first: n == l.max}
		}
		records = append(records, store.Record{
			Namespace: namespaceLimits, Key: key, Version: rec.Version, Expires: start.Add(l.window),
			Value: strconv.AppendInt(nil, int64(min(n+1, l.max+1)), 10),
		})
		if v.public {
			break
		}
	}
	_, err := tx.SaveRecords(ctx, records)
	return v, retryable(err)
}

// alarm logs that a limit was reached, once in a window and without saying by
// whom.
func (p *Pages) alarm(ctx context.Context, v verdict, form string) {
	if v.first {
		p.log.WarnContext(ctx, "compliance/web: a limit was reached; further uses are dropped until its window is over", "limit", v.reached, "form", form)
	}
}

// retryable makes a write that somebody overtook run again.
func retryable(err error) error {
	if errors.Is(err, audience.ErrConflict) {
		return errors.Join(audience.ErrRetryable, err)
	}
	return err
}
