package quickstart

import (
	"fmt"
	"io"
	"os"
	"sync"
)

// notes is what a run says beside its results.
type notes struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	passing  bool // a line stands there that the next one replaces
}

func newNotes(w io.Writer) *notes { return &notes{w: w, terminal: isTerminal(w)} }

// isTerminal reports whether somebody may be looking at what is written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// say says a line.
func (n *notes) say(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wipe()
	_, _ = fmt.Fprintln(n.w, shown(text))
}

// progress says on a terminal how far something has come, in place of what it
// said about that before.
func (n *notes) progress(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.terminal {
		n.wipe()
		_, _ = io.WriteString(n.w, shown(fmt.Sprintf(format, args...)))
		n.passing = true
	}
}

// clear takes away what progress said.
func (n *notes) clear() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wipe()
}

func (n *notes) wipe() {
	if n.passing {
		const startOfLine, restOfLine = "\r", "\x1b[K"
		_, _ = io.WriteString(n.w, startOfLine+restOfLine)
		n.passing = false
	}
}
