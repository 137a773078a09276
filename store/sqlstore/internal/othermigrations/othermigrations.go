// Package othermigrations lets tests put other migrations in the place of
// those that package sqlstore has in it, so that a migration of tables with
// data in them can be tested before there is a second one. The tests on real
// databases are another module and reach no further than this.
package othermigrations

import (
	"context"
	"io/fs"
)

type key struct{}

// With gives a context for Migrate and New in which the migrations are those
// of files, which has folders as package sqlstore does.
func With(ctx context.Context, files fs.FS) context.Context {
	return context.WithValue(ctx, key{}, files)
}

// In gives the files of a context made by [With], else those of the library.
func In(ctx context.Context, library fs.FS) fs.FS {
	if files, ok := ctx.Value(key{}).(fs.FS); ok {
		return files
	}
	return library
}
