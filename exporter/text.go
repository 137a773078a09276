package exporter

import "io"

// output collects what is written and hands it on in large pieces.
type output struct {
	w io.Writer
	b []byte
}

const outputSize = 32 << 10

// spill writes when there is enough.
func (o *output) spill() error {
	if len(o.b) < outputSize {
		return nil
	}
	return o.flush()
}

func (o *output) flush() error {
	_, err := o.w.Write(o.b)
	o.b = o.b[:0]
	return err
}
