package live

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment/internal/celenv"
	"github.com/audiencekit/audiencekit/segment/internal/timeorder"
)

// instants is a feature that a test sets.
type instants map[uint32]int64

func (f instants) value(_ *Core, id uint32, _ int64) (int64, bool) {
	v, ok := f[id]
	return v, ok
}
func (instants) price() int { return 1 }

func movement(t *testing.T, period string, forward bool) celenv.Movement {
	t.Helper()
	p, err := audience.ParsePeriod(period)
	require.NoError(t, err)
	return celenv.Movement{Period: p, Forward: forward}
}

// TestCursors lets contacts have instants and time pass. Whenever the truth of
// a literal about a contact changes, by a new instant or by time alone, the
// order must have visited it, and time must have stopped there: at the
// microsecond.
func TestCursors(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"}
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 5))
		zone, err := time.LoadLocation(zones[seed%uint64(len(zones))])
		require.NoError(t, err)
		start := audience.Micros(time.Date(2011, 11, 20, 0, 0, 0, 0, zone))
		c := &Core{calendar: audience.NewCalendar(zone), now: start}
		f := instants{}
		o := newOrder(c, "o", f)
		o.sorted = timeorder.New(func(id uint32) (int64, bool) { return f.value(c, id, c.now) })
		var tests []*orderTest
		for _, m := range []celenv.Movement{
			{},
			movement(t, "1s", false), movement(t, "2d", false), movement(t, "30d", false), movement(t, "1mo", false), movement(t, "2mo3d", false),
			movement(t, "7d", true), movement(t, "1mo", true),
			{Shift: -5},
		} {
			for before := range int64(2) {
				for form := isAfter; form <= isNotAfter; form++ {
					cur := o.cursor(m, before)
					test := &orderTest{cursor: cur, form: form}
					cur.tests = append(cur.tests, &literal{test: test})
					tests = append(tests, test)
				}
			}
		}
		for _, list := range [][]*cursor{o.fixed, o.calendar} {
			for _, cur := range list {
				cur.heap = -1
				cur.advanced(c)
			}
		}
		truth := func(test *orderTest, id uint32, now int64) bool {
			v, known := f[id]
			place, ok := test.cursor.move.At(c.calendar, now)
			require.True(t, ok)
			return test.accepts(reading{v, known}, place-test.cursor.before)
		}
		const contacts = 5
		for range 60 {
			id := random.Uint32N(contacts) + 1
			if random.IntN(3) > 0 { // a new instant, or none
				v, known := f[id]
				old := map[*orderTest]bool{}
				for _, test := range tests {
					old[test] = truth(test, id, c.now)
				}
				to := reading{c.now + random.Int64N(80*day) - 70*day, random.IntN(8) > 0}
				if random.IntN(3) == 0 {
					to.value = c.now
				}
				delete(f, id)
				if to.known {
					f[id] = to.value
					o.inserted(c, id, to.value)
				}
				visited := map[*orderTest]bool{}
				o.cross(c, reading{v, known}, to, func(l *literal) { visited[l.test.(*orderTest)] = true })
				for _, test := range tests {
					if old[test] != truth(test, id, c.now) {
						require.True(t, visited[test], "seed %d: %+v of %+v", seed, test.form, test.cursor.move)
					}
				}
				continue
			}
			to := c.now + random.Int64N(20*day)
			for at := c.dueAt(); at <= to; at = c.dueAt() {
				require.Greater(t, at, c.now-1)
				checkStill(t, c, f, tests, contacts, truth, at-1)
				c.now = at
				due := map[*cursor]bool{}
				for c.dueAt() <= c.now {
					cur := c.cursors[0]
					due[cur] = true
					cur.advanced(c)
				}
				for _, test := range tests {
					for id := uint32(1); id <= contacts; id++ {
						if truth(test, id, at-1) != truth(test, id, at) {
							require.True(t, due[test.cursor], "seed %d", seed)
						}
					}
				}
			}
			checkStill(t, c, f, tests, contacts, truth, to)
			c.now = to
		}
	}
}

// checkStill wants nothing to change by time alone from the clock up to an
// instant.
func checkStill(t *testing.T, c *Core, f instants, tests []*orderTest, contacts uint32, truth func(*orderTest, uint32, int64) bool, to int64) {
	t.Helper()
	for _, test := range tests {
		for id := uint32(1); id <= contacts; id++ {
			if to > c.now {
				require.Equal(t, truth(test, id, c.now), truth(test, id, to), "%+v %v", test.cursor.move, f[id])
			}
		}
	}
}
