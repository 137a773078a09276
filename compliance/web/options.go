package web

import (
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
)

// Options are what a host decides about its pages. BaseURL is required.
type Options struct {
	// BaseURL is where the pages are, such as https://shop.example/mail. It
	// has to be https and without query.
	BaseURL string
	// Name is who asks, as people know it. Empty: the controller's name.
	Name  string
	Forms []Form

	// WithoutConsent says whom the host writes to for a purpose without consent
	// for a reason that the ledger does not know, such as companies under PECR
	// reg. 22. They can refuse it in the preference centre, as those can whom a
	// relation in the ledger ties to the host. It must neither block nor call the
	// audience. nil: nobody.
	WithoutConsent func(c *audience.Contact, purpose string) bool

	// ClientIP gives the address of the client, from what the host's own proxy
	// says; nil takes the connection's. Never read X-Forwarded-For unless a
	// proxy that you run wrote it.
	ClientIP func(*http.Request) netip.Addr
	// KeepIP says in which form IP and user agent become part of the evidence.
	// The zero mode keeps neither (GDPR Art. 25).
	KeepIP IPMode
	Limits Limits

	// Templates has files of the names in this package's folder templates that
	// are used instead of them; each is executed with a [View].
	Templates fs.FS
	// Texts are translations by language (BCP 47) and key: further languages,
	// or other words for a key. English and German are there; what a language
	// lacks is English.
	Texts map[string]map[string]string
	// Style is CSS that is added after that of the pages. It may not fetch
	// anything: the pages allow no other source.
	Style string
}

// IPMode says what is kept of a client's IP address.
type IPMode string

// The modes. Whether the address of an opt-in must be kept is disputed; only
// a host that has a reason should.
const (
	IPNone      IPMode = ""          // nothing
	IPTruncated IPMode = "truncated" // the /24 of IPv4, the /48 of IPv6
	IPHashed    IPMode = "hashed"    // a keyed hash
	IPFull      IPMode = "full"
)

// Limits bound how often the form can be used. A zero member has its default.
// They are kept in the store, so that they hold over all processes. Beyond
// those of address and domain nobody is told; beyond the others the answer is
// 429.
type Limits struct {
	PerAddress int // mails of one kind (signups, links, what preferences ask to confirm) to one address a day; default 3
	PerPrefix  int // from one IPv4 address or IPv6 /64 an hour; default 30
	PerDomain  int // to one mail domain an hour; default 1,000
	PerForm    int // of one form an hour; default 5,000
	Global     int // of all forms an hour; default 10,000
	// MinAge is how long a person needs to fill in the form; who is faster is
	// asked to press again. Default 2 s.
	MinAge time.Duration
}

func (l Limits) withDefaults() Limits {
	set := func(p *int, def int) {
		if *p <= 0 {
			*p = def
		}
	}
	set(&l.PerAddress, 3)
	set(&l.PerPrefix, 30)
	set(&l.PerDomain, 1_000)
	set(&l.PerForm, 5_000)
	set(&l.Global, 10_000)
	if l.MinAge <= 0 {
		l.MinAge = 2 * time.Second
	}
	return l
}

// Form is one signup form.
type Form struct {
	ID string // for its URL and the evidence: a-z, 0-9, dash
	// Purposes are what it asks consent for, of the ledger's. One is agreed to
	// by sending the form; of several each has a box of its own, not ticked.
	Purposes []string
	// Topics are lists that can be ticked besides. Each needs its purpose
	// among Purposes; one that is ticked without it is an error of the form.
	Topics []string
	// Statement is what people agree to, by language. Empty: a sentence with
	// the names of host and purpose, or of several purposes that it is about
	// what was ticked. What somebody agreed to is stored as a
	// [compliance.Notice] when she confirms: the text, what she ticked, Version
	// and PrivacyURL. A form that was made before one of them changed is shown
	// once more when it is sent.
	Statement  map[string]string
	Version    string // of statement and privacy notice, as the host counts them
	PrivacyURL string // where the privacy notice can be read
	Title      map[string]string
	// Fields are asked for besides the address: first_name, last_name, phone
	// or custom fields of the type string. What somebody typed is written once
	// she confirmed, and only where nothing is known.
	Fields []Field
}

// Field is one input of a form.
type Field struct {
	Name     string
	Label    map[string]string // by language; empty: the name
	Required bool
}

const (
	fieldPausedUntil = "paused_until"
	fieldOwner       = "compliance"
)

// attributions are the parameters that say where somebody came from, and the
// custom field that keeps each.
func attributions() map[string]string {
	return map[string]string{
		"source": "lead_source", "ref": "lead_referral",
		"utm_source": "utm_source", "utm_medium": "utm_medium", "utm_campaign": "utm_campaign",
		"utm_term": "utm_term", "utm_content": "utm_content",
	}
}

// schema is what the pages keep about contacts.
func schemaOfPages() audience.Schema {
	s := audience.Schema{Fields: []audience.Field{{Name: fieldPausedUntil, Type: audience.TypeTimestamp, Owner: fieldOwner}}}
	for _, name := range attributions() {
		s.Fields = append(s.Fields, audience.Field{Name: name, Type: audience.TypeString})
	}
	return s
}

// base checks BaseURL and gives it without a slash at the end, with its path.
func (o *Options) base() (base, prefix string, err error) {
	u, err := url.Parse(o.BaseURL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.RawPath != "" {
		return "", "", &audience.FieldError{Path: "base_url", Rule: "url", Hint: "an https URL without query, such as https://shop.example/mail"}
	}
	prefix = strings.TrimSuffix(u.Path, "/")
	if prefix != "" && path.Clean(prefix) != prefix {
		return "", "", &audience.FieldError{Path: "base_url", Rule: "url", Hint: "a path without doubled slashes and dots: servers redirect those, and RFC 8058 forbids redirects"}
	}
	return "https://" + u.Host + prefix, prefix, nil
}

func (o *Options) checkForms(l *compliance.Ledger, schema *audience.Schema) error {
	id := regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)
	seen := make(map[string]bool)
	for i := range o.Forms {
		f := &o.Forms[i]
		if !id.MatchString(f.ID) || seen[f.ID] || f.ID == formOfPreferences || f.ID == linkForm {
			return &audience.FieldError{Path: "forms.id", Rule: "name", Hint: "each form an id of its own, of a-z, 0-9 and dashes, at most 40, none of them preferences or link"}
		}
		seen[f.ID] = true
		if err := f.check(l, schema); err != nil {
			return err
		}
	}
	return nil
}

func (f *Form) check(l *compliance.Ledger, schema *audience.Schema) error {
	at := "forms." + f.ID
	if len(f.Purposes) == 0 {
		return &audience.FieldError{Path: at + ".purposes", Rule: "empty", Hint: "at least one purpose"}
	}
	for _, p := range f.Purposes {
		if _, err := l.Purpose(p); err != nil {
			return &audience.FieldError{Path: at + ".purposes", Rule: "unknown", Hint: "purposes of the ledger"}
		}
	}
	for _, name := range f.Topics {
		list, ok := schema.ListNamed(name)
		if !ok || list.Kind != audience.ListTopic || !contains(f.Purposes, purposeOf(list)) {
			return &audience.FieldError{Path: at + ".topics", Rule: "unknown", Hint: "topics of the schema whose purpose is one of the form's"}
		}
	}
	if f.PrivacyURL != "" && !strings.HasPrefix(f.PrivacyURL, "https://") {
		return &audience.FieldError{Path: at + ".privacy_url", Rule: "url", Hint: "an https URL"}
	}
	for _, in := range f.Fields {
		switch in.Name {
		case "first_name", "last_name", "phone":
			continue
		}
		if c, ok := schema.FieldNamed(in.Name); !ok || c.Type != audience.TypeString || c.Owner != "" {
			return &audience.FieldError{Path: at + ".fields", Rule: "unknown", Hint: "first_name, last_name, phone or a custom field of the type string that nobody owns"}
		}
	}
	return nil
}

func (k IPMode) known() bool { return k == IPNone || k == IPTruncated || k == IPHashed || k == IPFull }
