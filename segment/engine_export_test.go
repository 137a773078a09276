package segment

import (
	"time"

	"github.com/audiencekit/audiencekit/store"
)

// ApplyCommits applies commits that were read from the feed.
func (e *Engine) ApplyCommits(commits []store.Commit) (moves int, err error) {
	before := e.queuedMoves()
	err = e.apply(commits)
	return e.queuedMoves() - before, err
}

func (e *Engine) queuedMoves() int { return e.ticks.moves }

// ForgetTicks forgets what is not in the log yet.
func (e *Engine) ForgetTicks() { e.ticks = ticks{} }

// BoundTicks bounds the moves that wait for the log.
func (e *Engine) BoundTicks(moves int) { e.ticks.limit = moves }

// Pause gives how long Run waits for its next round.
func (e *Engine) Pause() time.Duration { return e.pause() }
