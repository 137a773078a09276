package live

import "github.com/audiencekit/audiencekit/segment/internal/columns"

// Adopt takes over the columns of a table that stands where the core's does.
func (c *Core) Adopt(more *columns.Table) error {
	c.table.Adopt(more)
	return c.reindex()
}

// Drop lets go of the columns that are not needed any more.
func (c *Core) Drop(needs columns.Needs) {
	if !c.table.Needs().Minus(needs).IsZero() {
		c.table.Drop(needs)
		c.row = c.table.Row()
		c.rowOf = 0
	}
}

// reindex finds the columns anew that the segments read.
func (c *Core) reindex() error {
	c.row = c.table.Row()
	c.rowOf = 0
	d, err := c.Draft(nil, nil)
	if err != nil {
		return err
	}
	d.Publish()
	return nil
}
