package importer

import (
	"github.com/audiencekit/audiencekit/audience"
)

// standing is what is known about somebody before a status cell is weighed.
type standing struct {
	status     audience.Status
	suppressed bool // an address of hers is, whatever her own ledger says
}

// consentOf gives the ledger record that a status cell asks for, and whether
// there is one. An import lowers a standing or gives one where there is none;
// the only way up is from pending to subscribed, by an attestation. kept
// reports a cell that a refusal outweighs.
func (o *Options) consentOf(wanted audience.Status, now standing) (w audience.ConsentWrite, write, kept bool) {
	if wanted == audience.StatusSubscribed && o.Attestation.IsZero() {
		wanted = audience.StatusPending
	}
	switch {
	case wanted == audience.StatusNone, wanted == now.status:
		return w, false, false
	case wanted.IsRefusal():
		if rank(wanted) <= rank(now.status) {
			return w, false, true
		}
	case now.status.IsRefusal(), now.suppressed:
		return w, false, true
	case wanted == audience.StatusPending && now.status == audience.StatusSubscribed:
		return w, false, false
	}
	w = audience.ConsentWrite{Scope: audience.MarketingScope(), Source: o.source(), Evidence: []byte(o.Attestation.Text)}
	switch wanted {
	case audience.StatusSubscribed:
		w.Kind, w.Mechanism = audience.ConsentGranted, audience.MechanismAttested
	case audience.StatusPending:
		w.Kind = audience.ConsentRequested
	case audience.StatusUnsubscribed:
		w.Kind = audience.ConsentWithdrawn
	case audience.StatusBounced:
		w.Kind, w.Scope = audience.ConsentBounced, audience.Scope{Channel: audience.ChannelEmail}
	case audience.StatusComplained:
		w.Kind, w.Scope = audience.ConsentComplained, audience.Scope{Channel: audience.ChannelEmail}
	default:
		return w, false, false
	}
	return w, true, false
}

// rank orders refusals as merged contacts do: the worst counts.
func rank(s audience.Status) int {
	switch s {
	case audience.StatusBounced:
		return 1
	case audience.StatusUnsubscribed:
		return 2
	case audience.StatusComplained:
		return 3
	default:
		return 0
	}
}
