package audience

import "time"

// Deciding gives the record that a standing is due to, which [History.Fold] or
// [History.OnList] gave for the scope at the instant: for a topic that of its
// purpose and list. False when nothing is recorded that counts. Of several that
// acted at that instant it is a confirmed opt-in, else the last one. The
// record is as it was written, also when it was taken back later.
func (h *History) Deciding(scope Scope, s Standing, at time.Time) (ConsentRecord, bool) {
	if s.Status == StatusNone {
		return ConsentRecord{}, false
	}
	d := deciding{scope: scope, standing: s, at: at}
	d.visit(h, h.Resolved())
	if d.best == nil {
		return ConsentRecord{}, false
	}
	return *d.best, true
}

type deciding struct {
	scope    Scope
	standing Standing
	at       time.Time
	best     *ConsentRecord
}

// visit looks at the records as the fold reads them, and keeps the one that was
// written.
func (d *deciding) visit(written, resolved *History) {
	for i := range written.Merged {
		if written.Merged[i].At.After(d.at) {
			break
		}
		d.visit(&written.Merged[i].History, &resolved.Merged[i].History)
	}
	n := 0
	for i := range written.Records {
		if written.Records[i].Kind == ConsentRetracted {
			continue // which are not among the resolved
		}
		if d.decides(&resolved.Records[n]) && (d.best == nil || !d.best.Mechanism.Confirms() || written.Records[i].Mechanism.Confirms()) {
			d.best = &written.Records[i]
		}
		n++
	}
}

func (d *deciding) decides(r *ConsentRecord) bool {
	return r.Kind.Status() == d.standing.Status && r.Acted.Equal(d.standing.Since) && r.speaksOf(d.scope) && !r.isOver(d.at)
}
