// Command quickstart brings contacts and events from CSV files into an audience
// in memory, finds the members of segments, says who will enter and leave them
// next and why somebody is in one or not, and exports the result:
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -contacts people.csv -events events.csv -segments ./segments
//
// Without files it shows a sample. Run it with -h for its flags.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/audiencekit/audiencekit/examples/internal/quickstart"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := (&quickstart.Command{Name: "quickstart"}).Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
