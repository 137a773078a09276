package importer

import (
	"context"
	"crypto/sha256"
	"io"
	"iter"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

type readEnv struct{}

func newReadEnv(audience.Schema, *time.Location, audience.Limits) readEnv { return readEnv{} }

func contactsOf(context.Context, Table, *Plan, readEnv) iter.Seq2[*Contact, error] {
	return func(func(*Contact, error) bool) {}
}

func (p *Plan) open() []Question                          { return p.Layout.Questions }
func (m *Mapping) brings(audience.Schema) audience.Schema { return audience.Schema{} }
func (m *Mapping) answered(map[string]string) Mapping     { return *m }

func digestOf(ctx context.Context, src Source, _ Limits) (sum [32]byte, size int64, err error) {
	in, err := src.Open(ctx)
	if err != nil {
		return sum, 0, err
	}
	defer in.Close()
	text, err := io.ReadAll(in)
	return sha256.Sum256(text), int64(len(text)), err
}
