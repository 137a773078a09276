package quickstart

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// update writes the sample and the golden report anew:
//
//	go test ./examples/internal/quickstart -update
var update = flag.Bool("update", false, "write the sample and the golden files anew")

// TestSampleFiles: the sample is what the generator below makes.
func TestSampleFiles(t *testing.T) {
	for name, content := range generateSample() {
		requireGolden(t, filepath.Join("sample", name), content)
	}
}

func requireGolden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(got), 0o644))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "%s; -update writes it anew", name)
}

// someone is a made-up person of the sample.
type someone struct {
	key, email, first, last string
	created                 time.Time
	opens, clicks           float64 // chance per mail
	orders                  float64 // per month
	basket                  float64 // mean of an order's value
	mailed                  bool
	quietSince              time.Time
}

// event is one row of events.csv.
type event struct {
	who        *someone
	kind       string
	time       time.Time
	id         string
	properties string // value,currency,items,campaign,machine
}

// generateSample makes a shop's customers, subscribers of its newsletter, and
// a year of what they did. The same numbers come out every time.
func generateSample() map[string]string {
	r := rand.New(rand.NewPCG(2026, 3))
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	people := samplePeople(r, now)
	return map[string]string{
		"shop.csv":       shopFile(r, people[:84], now),
		"newsletter.csv": newsletterFile(r, people),
		"events.csv":     eventsFile(r, people, now),
	}
}

func samplePeople(r *rand.Rand, now time.Time) []*someone {
	first := []string{
		"Amber", "Basil", "Clover", "Daisy", "Elm", "Fern", "Ginger", "Hazel", "Iris", "Jasper", "Kiwi", "Linden",
		"Maple", "Nutmeg", "Olive", "Pepper", "Quince", "Rowan", "Sage", "Thyme",
	}
	last := []string{"Example", "Sample", "Specimen", "Placeholder", "Fixture", "Demo"}
	domains := []string{"example.com", "example.org", "example.net"}
	people := make([]*someone, 120)
	for i := range people {
		p := &someone{first: first[i%len(first)], last: last[i/len(first)]}
		p.email = strings.ToLower(p.first+"."+p.last) + "@" + domains[r.IntN(len(domains))]
		p.created = now.AddDate(0, -r.IntN(30), -r.IntN(28)).Add(-time.Duration(r.IntN(86_400)) * time.Second)
		p.opens, p.clicks = 0.1+0.85*r.Float64(), 0.1+0.5*r.Float64()
		p.orders, p.basket = 1.2*r.Float64()*r.Float64(), 15+60*r.Float64()
		p.mailed = true
		if i < 84 {
			p.key = fmt.Sprintf("c%03d", i+1)
		} else {
			p.orders, p.mailed = 0, r.IntN(2) == 0
		}
		if r.IntN(4) == 0 {
			p.quietSince = now.AddDate(0, 0, -20-r.IntN(120))
		}
		people[i] = p
	}
	return people
}

func shopFile(r *rand.Rand, people []*someone, now time.Time) string {
	cities := []string{"Oslo", "Porto", "Gdańsk", "Graz", "Cork", ""}
	interests := []string{"tea", "coffee", "cocoa", "cups", "books, used"}
	rows := []string{"External ID,Email,First Name,Last Name,Phone,Tags,created_at,status,City,points:int,birthday:date,interests:list,returns"}
	for i, p := range people {
		status := []string{"subscribed", "subscribed", "subscribed", "subscribed", "subscribed", "subscribed", "pending", "unsubscribed", "", "subscribed"}[r.IntN(10)]
		switch i {
		case 40:
			status = "bounced"
		case 41:
			status = "complained"
		}
		var tags []string
		if p.orders > 0.3 {
			tags = append(tags, "regular")
		}
		if p.basket > 60 {
			tags = append(tags, "big basket")
		}
		likes := []string{interests[r.IntN(len(interests))], interests[r.IntN(len(interests))]}
		for k, like := range likes {
			if strings.Contains(like, ",") {
				likes[k] = `"` + like + `"`
			}
		}
		birthday := ""
		if r.IntN(3) > 0 {
			birthday = now.AddDate(-20-r.IntN(50), 0, -r.IntN(365)).Format(time.DateOnly)
		}
		phone := ""
		if r.IntN(3) == 0 {
			phone = fmt.Sprintf("+1500555%04d", i)
		}
		cells := []string{
			p.key, p.email, p.first, p.last, phone, strings.Join(tags, ","), p.created.Format(time.RFC3339), status,
			cities[r.IntN(len(cities))], strconv.Itoa(r.IntN(50) * 10), birthday, strings.Join(likes, ","), strconv.Itoa(r.IntN(4)),
		}
		rows = append(rows, csvRow(cells))
	}
	return strings.Join(rows, "\n") + "\n"
}

// newsletterFile has the people without an external id, and a few customers
// whose tags it changes.
func newsletterFile(r *rand.Rand, people []*someone) string {
	rows := []string{"email,first_name,last_name,tags"}
	for i, p := range people {
		if i < 84 && i%10 != 3 {
			continue
		}
		tags := [][]string{{"newsletter"}, {"newsletter", "preview"}, {"newsletter", "tea club"}}[r.IntN(3)]
		rows = append(rows, csvRow([]string{p.email, p.first, p.last, strings.Join(tags, ",")}))
	}
	return strings.Join(rows, "\n") + "\n"
}

func eventsFile(r *rand.Rand, people []*someone, now time.Time) string {
	var all []event
	start := now.AddDate(-1, 0, 0)
	for week := range 26 { // a mail every other week
		sent := start.AddDate(0, 0, 10+14*week).Add(-3 * time.Hour)
		campaign := fmt.Sprintf("news-%02d", week+1)
		for _, p := range people {
			all = append(all, mail(r, p, campaign, sent)...)
		}
	}
	order := 0
	for day := start; day.Before(now.AddDate(0, 0, -1)); day = day.AddDate(0, 0, 1) {
		for _, p := range people {
			if p.created.After(day) || r.Float64() > p.orders/30 {
				continue
			}
			order++
			value := p.basket * (0.5 + r.Float64())
			all = append(all, event{
				who: p, kind: "purchase", time: day.Add(time.Duration(r.IntN(40_000)) * time.Second), id: fmt.Sprintf("order-%04d", order),
				properties: fmt.Sprintf("%.2f,EUR,%d,,", value, 1+r.IntN(4)),
			})
		}
	}
	slices.SortStableFunc(all, func(a, b event) int {
		return cmp.Or(a.time.Compare(b.time), cmp.Compare(a.kind, b.kind), cmp.Compare(a.who.email, b.who.email))
	})
	rows := []string{"external_id,email,type,time,id,value,currency,items,campaign,machine"}
	for _, e := range all {
		email := ""
		if e.who.key == "" {
			email = e.who.email
		}
		rows = append(rows, csvRow([]string{e.who.key, email, e.kind, e.time.Format(time.RFC3339), e.id})+","+e.properties)
	}
	return strings.Join(rows, "\n") + "\n"
}

// mail gives what one mail to one person led to.
func mail(r *rand.Rand, p *someone, campaign string, sent time.Time) []event {
	if !p.mailed || p.created.After(sent) {
		return nil
	}
	about := func(machine string) string { return ",,," + campaign + "," + machine }
	out := []event{{who: p, kind: "email.sent", time: sent, properties: about("")}}
	quiet := !p.quietSince.IsZero() && sent.After(p.quietSince)
	if quiet || r.Float64() > p.opens {
		return out
	}
	opened := sent.Add(time.Duration(60+r.IntN(100_000)) * time.Second)
	out = append(out, event{who: p, kind: "email.opened", time: opened, properties: about("false")})
	if r.Float64() < p.clicks {
		out = append(out, event{who: p, kind: "email.clicked", time: opened.Add(time.Duration(5+r.IntN(300)) * time.Second), properties: about("false")})
	}
	return out
}

func csvRow(cells []string) string {
	for i, c := range cells {
		if strings.ContainsAny(c, ",\"") {
			cells[i] = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
		}
	}
	return strings.Join(cells, ",")
}
