package segmenttest

import (
	"sync"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// Clock is a clock that stands until it is moved. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock makes a clock that shows an instant.
func NewClock(now time.Time) *Clock { return &Clock{now: audience.FromMicros(audience.Micros(now))} }

// Now gives what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// MoveTo sets the clock, unless that would turn it back. It reports whether it did.
func (c *Clock) MoveTo(t time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.Before(c.now) {
		return false
	}
	c.now = audience.FromMicros(audience.Micros(t))
	return true
}
