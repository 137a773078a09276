package store_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

// TestPutRandomly puts random batches and holds the store against a model
// that looks everything up by going through all contacts.
func TestPutRandomly(t *testing.T) {
	kinds := map[string]int{}
	for seed := range uint64(8) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			d := &putDriver{t: t, f: newFixture(t), r: rand.New(rand.NewPCG(seed, 1)), kinds: kinds}
			for range 250 {
				d.batch()
				d.compare()
			}
		})
	}
	for _, kind := range []string{
		"created", "changed", "unchanged", "invalid", "not found", "exists", "version", "ambiguous", "identity", "batch refused",
	} {
		require.Greater(t, kinds[kind], 20, "%s happens", kind)
	}
}

// modelContact is a contact in the plainest form.
type modelContact struct {
	id        audience.ContactID // 0 until the store has given it
	version   uint64             // as committed
	addresses []string
	external  map[string]string // system to id: at most one each in this test
	name      string
	tags      map[string]bool
	size      int64
	changed   bool // in this batch
}

func (c *modelContact) clone() *modelContact {
	out := *c
	out.addresses = slices.Clone(c.addresses)
	out.external, out.tags = maps.Clone(c.external), maps.Clone(c.tags)
	return &out
}

// identities gives what a contact holds, as text.
func (c *modelContact) identities() map[string]bool {
	out := map[string]bool{}
	for _, a := range c.addresses {
		out[a] = true
	}
	for system, id := range c.external {
		out[system+":"+id] = true
	}
	return out
}

func (c *modelContact) same(o *modelContact) bool {
	return slices.Equal(c.addresses, o.addresses) && maps.Equal(c.external, o.external) && c.name == o.name && maps.Equal(c.tags, o.tags) && c.size == o.size
}

// modelWrite is one write; the texts are identities as modelContact has them.
type modelWrite struct {
	match     string // "", an identity, or "#" and an id
	mode      audience.WriteMode
	ifVersion uint64
	email     string
	addresses []string
	crm       string
	detach    []string
	name      string
	addTags   []string
	setTags   []string
	size      int64 // 0: not set
}

type putDriver struct {
	t        *testing.T
	f        *fixture
	r        *rand.Rand
	contacts []*modelContact
	lastID   audience.ContactID
	kinds    map[string]int
}

func (d *putDriver) pick(of ...string) string { return of[d.r.IntN(len(of))] }

func (d *putDriver) anAddress() string { return "a" + strconv.Itoa(d.r.IntN(9)) + "@example.com" }
func (d *putDriver) aKey() string      { return audience.HostSystem + ":k" + strconv.Itoa(d.r.IntN(9)) }
func (d *putDriver) aCRM() string      { return "crm:c" + strconv.Itoa(d.r.IntN(6)) }

func (d *putDriver) sometimes(n int) bool { return d.r.IntN(n) == 0 }

func (d *putDriver) write() modelWrite {
	w := modelWrite{}
	switch d.r.IntN(6) {
	case 0, 1:
		w.match = d.aKey()
	case 2:
		w.match = d.pick(d.anAddress(), d.aCRM())
	case 3:
		w.match = "#" + strconv.Itoa(1+d.r.IntN(12))
	}
	if d.sometimes(2) {
		w.email = d.anAddress()
	}
	if d.sometimes(5) {
		w.addresses = []string{d.anAddress(), d.anAddress()}
	}
	if d.sometimes(4) {
		w.crm = d.aCRM()
	}
	if d.sometimes(5) {
		w.detach = []string{d.pick(d.anAddress(), d.aCRM(), d.aKey())}
	}
	if d.sometimes(3) {
		w.name = d.pick("Ann", "Bob")
	}
	switch d.r.IntN(5) {
	case 0:
		w.addTags = []string{d.pick("x", "y", "z")}
	case 1:
		w.setTags = []string{d.pick("x", "y"), d.pick("y", "z")}
	}
	if d.sometimes(4) {
		w.size = 1 + d.r.Int64N(3)
	}
	switch d.r.IntN(12) {
	case 0:
		w.mode = audience.CreateOnly
	case 1:
		w.mode = audience.UpdateOnly
	case 2:
		w.ifVersion = 1 + d.r.Uint64N(4)
	}
	return w
}

// real makes the write that the store gets.
func (w *modelWrite) real() audience.ContactWrite {
	out := audience.ContactWrite{
		Mode: w.mode, IfVersion: w.ifVersion, FirstName: audience.NewPrivate(w.name), AddTags: w.addTags, SetTags: w.setTags,
	}
	if w.match != "" {
		out.Match = realRef(w.match)
	}
	if w.email != "" {
		out.Email = audience.MustAddress(w.email)
	}
	for _, a := range w.addresses {
		out.Addresses = append(out.Addresses, audience.MustAddress(a))
	}
	if w.crm != "" {
		out.External = append(out.External, audience.External("crm", w.crm[len("crm:"):]))
	}
	for _, text := range w.detach {
		identity, _ := realRef(text).Identity()
		out.Detach = append(out.Detach, identity)
	}
	if w.size != 0 {
		out.Set = map[string]audience.Value{"size": audience.IntValue(w.size)}
	}
	return out
}

func realRef(text string) audience.Ref {
	switch {
	case text[0] == '#':
		n, _ := strconv.ParseUint(text[1:], 10, 32)
		return audience.ID(audience.ContactID(n))
	case text[0] == 'a':
		return audience.Email(text)
	case text[:4] == "crm:":
		return audience.ExternalRef(audience.External("crm", text[4:]))
	default:
		return audience.Key(text[len(audience.HostSystem)+1:])
	}
}

// holder goes through everybody.
func holder(all []*modelContact, identity string) *modelContact {
	for _, c := range all {
		if c.identities()[identity] {
			return c
		}
	}
	return nil
}

// brings gives the identities of a write: that of match, external ids,
// addresses.
func (w *modelWrite) brings() []string {
	var out []string
	if w.match != "" && w.match[0] != '#' {
		out = append(out, w.match)
	}
	if w.crm != "" {
		out = append(out, w.crm)
	}
	if w.email != "" {
		out = append(out, w.email)
	}
	return append(out, w.addresses...)
}

// invalid reports what no state of the store could make right.
func (w *modelWrite) invalid() bool {
	adds := append([]string{w.email, w.crm}, w.addresses...)
	return w.match == "" && len(w.brings()) == 0 || slices.ContainsFunc(w.detach, func(s string) bool { return slices.Contains(adds, s) })
}

// modelResult says what became of a write.
type modelResult struct {
	at               int // whom it was about, in the order of creation
	created, changed bool
}

// apply gives the contacts after a write, what became of it, and why it is
// refused.
func (w *modelWrite) apply(all []*modelContact) ([]*modelContact, modelResult, string) {
	var res modelResult
	c, refused := w.target(all)
	if refused != "" {
		return nil, res, refused
	}
	switch {
	case c == nil && (w.mode == audience.UpdateOnly || w.ifVersion != 0):
		return nil, res, "not found"
	case c == nil:
		c = &modelContact{external: map[string]string{}, tags: map[string]bool{}}
		all = append(slices.Clone(all), c)
		res.created = true
	case w.mode == audience.CreateOnly:
		return nil, res, "exists"
	case w.ifVersion != 0 && (w.ifVersion != c.version || c.changed):
		return nil, res, "version"
	}
	next := c.clone()
	w.change(next)
	if len(next.identities()) == 0 {
		return nil, res, "invalid"
	}
	for identity := range next.identities() {
		if h := holder(all, identity); h != nil && h != c {
			return nil, res, "identity"
		}
	}
	res.at, res.changed = slices.Index(all, c), !next.same(c)
	next.changed = c.changed || res.changed
	out := slices.Clone(all)
	out[res.at] = next
	return out, res, ""
}

func (w *modelWrite) target(all []*modelContact) (*modelContact, string) {
	if w.match != "" && w.match[0] == '#' {
		for _, c := range all {
			if c.id != 0 && "#"+c.id.String() == w.match {
				return c, ""
			}
		}
		return nil, "not found"
	}
	if w.match != "" {
		return holder(all, w.match), ""
	}
	var found *modelContact
	for _, identity := range w.brings() {
		h := holder(all, identity)
		if h != nil && found != nil && h != found {
			return nil, "ambiguous"
		}
		if h != nil {
			found = h
		}
	}
	return found, ""
}

func (w *modelWrite) change(c *modelContact) {
	for _, text := range w.detach {
		c.addresses = slices.DeleteFunc(c.addresses, func(a string) bool { return a == text })
		for system, id := range c.external {
			if system+":"+id == text {
				delete(c.external, system)
			}
		}
	}
	add := func(a string) {
		if !slices.Contains(c.addresses, a) {
			c.addresses = append(c.addresses, a)
		}
	}
	if w.email != "" {
		c.addresses = append([]string{w.email}, slices.DeleteFunc(c.addresses, func(a string) bool { return a == w.email })...)
	}
	for _, a := range w.addresses {
		add(a)
	}
	for _, x := range []string{w.crm, w.match} {
		if len(x) > 4 && (x[:4] == "crm:" || x[:4] == "host") && !slices.Contains(w.detach, x) {
			system := x[:len(x)-3]
			c.external[system] = x[len(x)-2:]
		}
	}
	if w.match != "" && w.match[0] == 'a' && !slices.Contains(w.detach, w.match) {
		add(w.match)
	}
	if w.name != "" {
		c.name = w.name
	}
	if w.setTags != nil {
		c.tags = map[string]bool{}
	}
	for _, tag := range append(slices.Clone(w.setTags), w.addTags...) {
		c.tags[tag] = true
	}
	if w.size != 0 {
		c.size = w.size
	}
}

// oneExternal reports whether a write would give a contact a second id of a
// system, which the model does not keep.
func (w *modelWrite) oneExternal(all []*modelContact) bool {
	c, refused := w.target(all)
	for _, x := range []string{w.crm, w.match} {
		if len(x) <= 4 || x[:4] != "crm:" && x[:4] != "host" {
			continue
		}
		system, id := x[:len(x)-3], x[len(x)-2:]
		if refused == "" && c != nil && c.external[system] != "" && c.external[system] != id {
			return false
		}
	}
	return w.crm == "" || len(w.match) < 4 || w.match[:4] != "crm:" || w.match == w.crm
}

// batch puts a random batch into both and compares what is told of it.
func (d *putDriver) batch() {
	writes := make([]modelWrite, 1+d.r.IntN(4))
	all := d.contacts
	var outcomes []modelResult
	refused := map[int]string{}
	invalid := false
	for i := range writes {
		for writes[i] = d.write(); !writes[i].oneExternal(all); {
			writes[i] = d.write()
		}
		if writes[i].invalid() {
			invalid = true
			refused[i] = "invalid"
			continue
		}
		next, res, why := writes[i].apply(all)
		if why != "" {
			refused[i] = why
			continue
		}
		all = next
		outcomes = append(outcomes, res)
	}
	if invalid { // then nothing is looked up
		for i := range writes {
			if !writes[i].invalid() {
				delete(refused, i)
			}
		}
	}
	results, err := d.put(writes)
	if len(refused) > 0 {
		d.requireRefused(err, refused)
		return
	}
	require.NoError(d.t, err)
	d.accept(all, outcomes, results)
}

func (d *putDriver) put(writes []modelWrite) (results []store.PutResult, err error) {
	reals := make([]audience.ContactWrite, len(writes))
	for i := range writes {
		reals[i] = writes[i].real()
	}
	_, err = d.f.Update(d.t.Context(), func(tx *store.Tx) (err error) {
		results, err = tx.Put(d.t.Context(), reals...)
		return err
	})
	return results, err
}
