package importer

import (
	"errors"
	"io"
	"os"
)

// RejectsFile gives what [Options.Rejects] asks for: a file that only its
// owner may read. One that is there is replaced.
func RejectsFile(path string) func() (io.WriteCloser, error) {
	return func() (io.WriteCloser, error) {
		const ownerOnly = 0o600
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err // what others may read is not written into
		}
		return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, ownerOnly)
	}
}

// rejects writes rejected rows. It opens the file with the first of them, so
// that there is none when all rows go in.
type rejects struct {
	open   func() (io.WriteCloser, error)     // nil: nobody asks for them
	begin  func(w io.Writer) (Rejects, error) // as the file is written
	file   io.WriteCloser
	format Rejects
}

// write writes a row; one that does not come from a file is left out.
func (r *rejects) write(row *Row, why *RowError) error {
	if r.open == nil || r.begin == nil || row == nil {
		return nil
	}
	if r.file == nil {
		file, err := r.open()
		if err != nil {
			return err
		}
		r.file = file
		if r.format, err = r.begin(file); err != nil {
			return err
		}
	}
	return r.format.Reject(row, why.Code()+": "+why.Err.Error())
}

func (r *rejects) close() error {
	if r.file == nil {
		return nil
	}
	var err error
	if r.format != nil {
		err = r.format.Close()
	}
	return errors.Join(err, r.file.Close())
}
