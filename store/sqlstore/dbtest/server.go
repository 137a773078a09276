package dbtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long a server may take to be ready or to end.
const patience = time.Minute

// Server is a database server of a test's own. Its methods must not be called
// concurrently with each other; databases on it are used from anywhere.
type Server struct {
	database Database
	dir      string // holds everything of it: data, socket, log
	source   Source
	program  []string // with arguments
	account  account
	stop     os.Signal
	running  *process // nil when it is not
}

// process is a program that runs.
type process struct {
	command *exec.Cmd
	done    chan struct{} // closed when it has ended
}

// Servers gives a server of each kind, not yet started.
func Servers(t testing.TB) []*Server {
	t.Helper()
	return []*Server{NewPostgres(t), NewMariaDB(t)}
}

// Database gives the server as one to make fresh databases on. They can be
// made while it runs, and it has to run when the test ends.
func (s *Server) Database() Database { return s.database }

// Start starts the server and waits until it answers.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	s.database.Need(t)
	require.Nil(t, s.running, "%s runs already", s.database.Name)
	p, err := s.launch()
	require.NoError(t, err)
	s.running = p
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.ready(ctx); err != nil {
		t.Fatalf("%s does not get ready: %v\n%s", s.database.Name, err, s.logTail())
	}
}

// Kill9 kills every process of the server at once (SIGKILL) and waits until
// they are gone.
func (s *Server) Kill9(t testing.TB) {
	t.Helper()
	require.NotNil(t, s.running, "%s does not run", s.database.Name)
	require.NoError(t, s.end(killAll))
}

// Stop ends the server in order.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	require.NotNil(t, s.running, "%s does not run", s.database.Name)
	require.NoError(t, s.end(s.signal))
}

func (s *Server) signal(p *os.Process) error { return p.Signal(s.stop) }

// launch starts the program, with its output in the log.
func (s *Server) launch() (*process, error) {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()                      // the program has its own
	command := exec.Command(s.program[0], s.program[1:]...) //nolint:noctx // it outlives every call and is ended by end
	command.Dir, command.Stdout, command.Stderr = s.dir, log, log
	s.account.become(command)
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &process{command: command, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = command.Wait() // how it ended is seen in its log
	}()
	return p, nil
}

// ready waits until the server answers.
func (s *Server) ready(ctx context.Context) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		_, err := s.source.ask(ctx, "SELECT 'ready'")
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-s.running.done:
			return errors.New("it has ended")
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// end makes the program end and waits for it.
func (s *Server) end(how func(*os.Process) error) error {
	p := s.running
	s.running = nil
	err := how(p.command.Process)
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-p.done:
		return err
	case <-late.C:
		return errors.Join(err, fmt.Errorf("%s does not end", s.database.Name), killAll(p.command.Process))
	}
}

func (s *Server) logTail() string {
	const enough = 4096
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-enough):])
}

// recipe says how a kind of server is made in a folder.
type recipe struct {
	setup    []string // makes its first files
	program  []string // runs it in the foreground
	stop     os.Signal
	source   Source // an empty database, or none, of the running server
	database func(Source) Database
}

// newServer makes a server that is deleted after the test. When something is
// missing for that it is one that skips tests, or fails them when the
// environment wants all databases.
func newServer(t testing.TB, name string, accounts []string, missing error, plan func(dir string) recipe) *Server {
	t.Helper()
	s := &Server{database: Database{Name: name, required: os.Getenv(EnvDatabases) == "all"}}
	if missing == nil {
		s.account, missing = findAccount(accounts)
	}
	if missing != nil {
		s.database.Missing = missing.Error()
		return s
	}
	s.dir = serverDir(t, s.account)
	r := plan(s.dir)
	s.program, s.stop, s.source = r.program, r.stop, r.source
	s.database = r.database(r.source)
	t.Cleanup(func() {
		if s.running == nil {
			return
		}
		if err := s.end(s.signal); err != nil { // one that is killed leaves shared memory behind
			t.Error(err)
		}
	})
	setup := exec.CommandContext(t.Context(), r.setup[0], r.setup[1:]...)
	setup.Dir = s.dir
	s.account.become(setup)
	output, err := setup.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return s
}

// serverDir makes a folder with a path short enough for a socket in it, which
// testing.TB's own need not be.
func serverDir(t testing.TB, owner account) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "akdb") //nolint:usetesting // for the length
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	require.NoError(t, owner.own(dir))
	return dir
}

// until waits until something is so.
func until(what func() bool) error {
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	for !what() {
		select {
		case <-again.C:
		case <-late.C:
			return context.DeadlineExceeded
		}
	}
	return nil
}
