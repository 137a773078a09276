package compliance

import (
	"cmp"

	"github.com/audiencekit/audiencekit/audience"
)

// Intent is one message that somebody wants to send to one contact.
type Intent struct {
	Contact audience.Ref
	Purpose string // of the ledger's purposes; empty: marketing
	List    string // a topic that it is about; empty: none
	Channel string // empty: e-mail
	Ask     Ask
	Sender  string // the ID of the party in whose name it goes; empty: the controller
	Product string // category of what it advertises, for the soft opt-in
}

func (in *Intent) purpose() string { return cmp.Or(in.Purpose, audience.PurposeMarketing) }

func (in *Intent) channel() string { return cmp.Or(in.Channel, audience.ChannelEmail) }

func (in *Intent) scope() audience.Scope {
	return audience.Scope{Channel: in.channel(), Purpose: in.purpose(), List: in.List}
}

// Ask is what a message asks of the contact. To ask somebody who refused to
// come back is itself marketing.
type Ask string

func (a Ask) known() bool {
	return a == "" || a == AskPermission || a == AskReturn || a == AskReferral
}

// isChannel reports whether the ledger knows the channel: on a misspelt one no
// refusal would be found.
func isChannel(c string) bool {
	switch c {
	case audience.ChannelEmail, "sms", "phone", "push", "post":
		return true
	default:
		return false
	}
}

// What a message can ask; the zero Ask is an ordinary message.
const (
	AskPermission Ask = "permission" // to consent, or to consent again
	AskReturn     Ask = "return"     // to come back after a silence
	AskReferral   Ask = "referral"   // somebody passed the address on: one message, ever (ECPR s. 4)
)
