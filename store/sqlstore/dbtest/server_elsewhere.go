//go:build !linux

package dbtest

import (
	"errors"
	"os"
	"os/exec"
)

// account is who a server runs as.
type account struct{}

func findAccount([]string) (account, error) {
	return account{}, errors.New("servers that are killed with all their processes need Linux")
}

func (account) become(*exec.Cmd) {}

func (account) own(string) error { return nil }

func killAll(p *os.Process) error { return p.Kill() }
