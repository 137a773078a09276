package sqlstore

import (
	"context"
	"fmt"
)

// failed gives the error of a statement as it leaves the adapter: it names the
// statement, and never the values it was about.
func (s *Store) failed(ctx context.Context, st *statement, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(adapterName+": %s: %w", st.name, err)
}
