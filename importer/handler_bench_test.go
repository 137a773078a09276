package importer_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/importer"
)

// BenchmarkHandler brings contacts in over HTTP, one or a hundred a request,
// without the network: new ones, the same with an Idempotency-Key, and those
// that say what is known.
func BenchmarkHandler(b *testing.B) {
	body := func(from, n int) string {
		items := make([]string, n)
		for i := range items {
			items[i] = fmt.Sprintf(`{"external_id":"u%d","email":"name%d@example.com","first_name":"Ann","last_name":"Lee","tags":["a","b"],"fields":{"score":%d,"zip":"007"}}`, from+i, from+i, i%90)
		}
		if n == 1 {
			return items[0]
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	for _, n := range []int{1, 100} {
		for _, kind := range []string{"new", "new with a key", "known"} {
			b.Run(fmt.Sprintf("%d/%s", n, kind), func(b *testing.B) {
				h := handlerOf(b, shop(b, noon), importer.HandlerOptions{})
				from := 0
				require.Less(b, post(h, body(0, n)).Code, http.StatusBadRequest)
				b.ReportAllocs()
				for b.Loop() {
					var header []string
					if kind != "known" {
						from += n
					}
					if kind == "new with a key" {
						header = []string{"Idempotency-Key", fmt.Sprint("k", from)}
					}
					if w := post(h, body(from, n), header...); w.Code >= http.StatusBadRequest {
						b.Fatal(w.Code)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/contact")
			})
		}
	}
}
