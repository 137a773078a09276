//go:build linux

package dbtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is who a server runs as; nil is who runs the test.
type account struct{ credential *syscall.Credential }

// findAccount gives the first account that exists. Servers refuse to run as
// root; nobody else can choose.
func findAccount(names []string) (account, error) {
	if os.Getuid() != 0 {
		return account{}, nil
	}
	var failed []error
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return account{}, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return account{}, err
		}
		return account{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return account{}, errors.Join(failed...)
}

// become makes a command run as the account, and end with the test should
// that be killed.
func (a account) become(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential, Pdeathsig: syscall.SIGKILL}
}

// own gives a folder to the account.
func (a account) own(dir string) error {
	if a.credential == nil {
		return nil
	}
	return os.Chown(dir, int(a.credential.Uid), int(a.credential.Gid))
}

// killAll kills a process and all that it has started. It is stopped first,
// so that it neither starts others meanwhile nor sees them die.
func killAll(p *os.Process) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	if err := until(func() bool { return stateOf(p.Pid) != 'R' && stateOf(p.Pid) != 'S' && stateOf(p.Pid) != 'D' }); err != nil {
		return err
	}
	children, err := childrenOf(p.Pid)
	if err != nil {
		return err
	}
	if err := p.Kill(); err != nil {
		return err
	}
	for _, child := range children {
		if err := syscall.Kill(child, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	for _, child := range children { // what they hold in memory is given back
		if err := until(func() bool { state := stateOf(child); return state == 0 || state == 'Z' }); err != nil {
			return fmt.Errorf("a process of the server does not die: %w", err)
		}
	}
	return nil
}

// stateOf gives the letter of a process's state, 0 when there is none.
func stateOf(pid int) byte {
	state, _ := readStat(fmt.Sprintf("/proc/%d/stat", pid))
	return state
}

func childrenOf(parent int) ([]int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var children []int
	for _, file := range files {
		if _, ppid := readStat(file); ppid != parent {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return nil, err
		}
		children = append(children, pid)
	}
	return children, nil
}

// readStat reads the state of a process and who started it: the first members
// behind its name, which stands in brackets and may hold anything.
func readStat(file string) (state byte, parent int) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, 0
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 2 {
		return 0, 0
	}
	parent, err = strconv.Atoi(string(fields[1]))
	if err != nil {
		return 0, 0
	}
	return fields[0][0], parent
}
