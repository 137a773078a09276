package importer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

// Lines of JSON, one of them broken: the others go in.
func ExampleNDJSON() {
	ctx := context.Background()
	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	src := importer.Bytes("people.ndjson", []byte(`{"email":"jane@example.com","city":"Springfield","visits":3}
{"email":"bob@example.com",
{"email":"eve@example.com","city":"Shelbyville","visits":5}
`))
	formats := []importer.Format{importer.JSON(), importer.NDJSON(), importer.XML(), importer.VCard()}
	p, err := importer.Inspect(ctx, src, aud.Schema(), importer.InspectOptions{Formats: formats})
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := importer.Run(ctx, aud, src, &importer.Plan{Layout: p.Layout, Mapping: p.Mapping}, importer.Options{Formats: formats})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Layout.Format, report.Created, report.Rejected)
	fmt.Println(report.Errors[0])
	// Output:
	// ndjson 2 1
	// line 2: row: json: a name in double quotes, at byte 28 of the record
}

// The host's programs send contacts over HTTP. Who may do so is the host's
// question, in front of the handler.
func ExampleHandler() {
	ctx := context.Background()
	keys, err := audience.NewKeys("k1", map[string][]byte{"k1": []byte("32 random bytes from your vault.")})
	if err != nil {
		fmt.Println(err)
		return
	}
	aud, err := store.Open(ctx, memstore.New(), "shop", store.Options{Keys: keys})
	if err != nil {
		fmt.Println(err)
		return
	}
	contacts, err := importer.Handler(aud, importer.HandlerOptions{
		Plan: importer.Plan{Job: "checkout", Attestation: importer.Attestation{
			By: "shop", Text: "ticked the box for the newsletter and confirmed by mail", At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		contacts.ServeHTTP(w, r)
	})
	send := func(body string) {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/contacts", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer secret")
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", "order-1001")
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body)
	}
	send(`{"email":"jane@example.com","status":"subscribed"}`)
	send(`{"email":"jane@example.com","status":"subscribed"}`) // it did not hear the answer
	// Output:
	// 201 {"outcome":"created","contact":1}
	// 201 {"outcome":"created","contact":1}
}
