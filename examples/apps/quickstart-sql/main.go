// Command quickstart-sql does what the quickstart does, on a database that
// keeps it:
//
//	go run ./quickstart-sql -store sqlite:audience.db
//	go run ./quickstart-sql -store postgres://user@localhost/shop -contacts people.csv
//	go run ./quickstart-sql -store mysql://user@localhost/shop -import=false
//
// A second run finds what the first one left. Run it with -h for its flags.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/audiencekit/audiencekit/examples/internal/quickstart"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	command := quickstart.Command{Name: "quickstart-sql", Home: &home{}}
	code := command.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
