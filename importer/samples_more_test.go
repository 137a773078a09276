package importer_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
)

// TestSampleFields: types follow from all cells, and ids, zips and phones stay
// text.
func TestSampleFields(t *testing.T) {
	folder := samplesFolder(t)
	for name, want := range map[string]map[string]string{
		"activecampaign.csv 1":               {"interests": "list:Option A,Option B"},
		"beehiiv.csv 1":                      {"free_tier": "bool:true", "gold_tier": "bool:false", "tier": "string:free"},
		"bigcommerce-customers.csv 2":        {"store_credit": "double:12.5", "receive_review_abandoned_cart_emails": "bool:false"},
		"brevo.csv 1":                        {"sms_blacklisted": "bool:false", "modified_time": "timestamp:2022-04-13T10:00:00Z"},
		"constantcontact.csv 1":              {"email_lists": "list:Donors,General Interest", "company": "string:Acme, Inc.", "birthday": "string:4/12"},
		"ghost-members.csv 2":                {"complimentary_plan": "bool:true", "tiers": "list:Gold", "stripe_customer_id": "string:cus_EXAMPLE1"},
		"google-contacts.csv 1":              {"birthday": "string:--03-07", "organization_title": "string:Manager", "photo": ""},
		"google-contacts-legacy.csv 1":       {"birthday": "date:1992-03-14"},
		"hubspot.csv 2":                      {"lifecycle_stage": "list:customer,evangelist", "lead_status": "string:OPEN_DEAL"},
		"klaviyo.csv 1":                      {"zip_code": "string:02139", "source": "string:-8", "date_added": "timestamp:2024-01-05T10:11:12Z"},
		"listmonk-import.csv 2":              {"age": "int:24", "job": "string:Time Traveller", "planet": ""},
		"magento-customer.csv 1":             {"disable_auto_group_change": "bool:false", "group_id": "string:1", "password_hash": "", "rp_token": "", "password": "", "confirmation": ""},
		"mailchimp-subscribed.csv 1":         {"member_rating": "int:4", "latitude": "double:45.52", "leid": "string:90498395", "last_changed": "timestamp:2024-03-23T17:30:05Z"},
		"outlook-windows1252.csv 1":          {"company": "string:Société", "private": "bool:false", "birthday": ""},
		"pipedrive-people.csv 1":             {"person_last_activity_date": "date:2026-01-12", "organization_name": "string:Acme Restoration"},
		"salesforce-report-latin1.csv 1":     {"mailing_zip_postal_code": "string:211 22", "mailing_city": "string:Malmö"},
		"shopify-customers.csv 1":            {"default_address_zip": "string:09801", "total_spent": "double:7790.44", "total_orders": "int:6", "tax_exempt": "bool:true"},
		"substack-dashboard.csv 2":           {"revenue": "double:1250", "first_payment_at": "timestamp:2025-10-12T12:30:00Z"},
		"substack-signup.csv 1":              {"active_subscription": "bool:true", "expiry": "timestamp:2026-07-06T16:20:44Z"},
		"woocommerce-customers.csv 1":        {"aov": "double:299.67", "postal_code": "string:753 10", "orders": "int:3"},
		"trap-leading-zeros.csv 1":           {"zip": "string:01002", "member_id": "string:0x1F", "amount": "string:1,234"},
		"trap-duplicate-blank-headers.csv 1": {"column_4": "string:extra"},
		"trap-formula.csv 1":                 {"note": "string:-5 discount"},
		"trap-no-header.csv 2":               {"column_2": "string:Bob"},
	} {
		file, number, _ := strings.Cut(name, " ")
		t.Run(name, func(t *testing.T) {
			src := importer.File(filepath.Join(folder, file))
			p := inspect(t, src, audience.Schema{})
			good, _ := readAs(t, src, planOf(p, nil), audience.Schema{}, nil)
			row := good[number[0]-'1']
			for field, value := range want {
				require.Equal(t, value, fieldOf(row, field), field)
			}
		})
	}
}

// TestSampleQuestions: what a file leaves open is asked, and only that.
func TestSampleQuestions(t *testing.T) {
	folder := samplesFolder(t)
	want := map[string][]string{
		"salesforce-report-latin1.csv": {"encoding", "column 13: dates"},
		"brevo-windows1252.csv":        {"encoding"},
		"outlook-windows1252.csv":      {"encoding"},
		"trap-excel-sep-hint.csv":      {"encoding"},
		"trap-dates-ambiguous.csv":     {"column 2: dates"},
		"trap-leading-zeros.csv":       {"column 4: numbers"},
	}
	for _, s := range samples() {
		p := inspect(t, importer.File(filepath.Join(folder, s.file)), audience.Schema{})
		var got []string
		for _, q := range p.Questions {
			got = append(got, q.ID)
			require.Contains(t, append(q.Options, ""), q.Assumed)
		}
		require.Equal(t, want[s.file], got, s.file)
	}
}

// TestSamplesRearranged: a vendor is recognised with its columns in another
// order, with others among them, without some, and in other letters.
func TestSamplesRearranged(t *testing.T) {
	folder := samplesFolder(t)
	for _, s := range samples() {
		if s.vendor == "" || strings.HasPrefix(s.file, "trap-") {
			continue
		}
		t.Run(s.file, func(t *testing.T) {
			table := tableOf(t, filepath.Join(folder, s.file))
			width := len(table[0])
			reversed := edit(table, func(row []string, _ int) []string {
				row = slices.Clone(row)
				slices.Reverse(row)
				return row
			})
			variants := map[string][][]string{
				"reversed": reversed,
				"rotated":  edit(table, func(row []string, _ int) []string { return slices.Concat(row[width/2:], row[:width/2]) }),
				"more": edit(table, func(row []string, n int) []string {
					return slices.Concat([]string{fmt.Sprintf("Our rank %d", n)}, row, []string{fmt.Sprintf("shoe size %d", n), fmt.Sprintf("Wish %d", n)})
				}),
				"upper": editHeader(table, strings.ToUpper),
				"lower": editHeader(table, strings.ToLower),
			}
			for i := 0; width >= 8 && i < width; i++ {
				j := (i + width/3) % width
				variants[fmt.Sprintf("without %d and %d", i, j)] = edit(table, func(row []string, _ int) []string {
					var out []string
					for k, cell := range row {
						if k != i && k != j {
							out = append(out, cell)
						}
					}
					return out
				})
			}
			for name, rows := range variants {
				p := inspect(t, importer.Bytes(s.file, written(t, rows)), audience.Schema{})
				require.Equal(t, s.vendor, p.Mapping.Vendor, name)
			}
			src := importer.Bytes(s.file, written(t, reversed))
			good, _ := readAs(t, src, planOf(inspect(t, src, audience.Schema{}), nil), audience.Schema{}, nil)
			for i, want := range s.rows {
				require.Equal(t, sortedParts(want), sortedParts(shape(good[i])))
			}
		})
	}
}

// tableOf reads a file with its header.
func tableOf(t *testing.T, file string) [][]string {
	t.Helper()
	src := importer.File(file)
	layout, err := csvimport.Format().Detect(t.Context(), src, importer.Limits{})
	require.NoError(t, err)
	table, err := csvimport.Format().Open(t.Context(), src, layout, importer.Limits{})
	require.NoError(t, err)
	defer func() { require.NoError(t, table.Close()) }()
	out := [][]string{layout.Columns}
	for row, err := range table.Rows(t.Context()) {
		if err == nil {
			out = append(out, row.Cells)
		}
	}
	return out
}

func edit(table [][]string, change func(row []string, n int) []string) [][]string {
	var out [][]string
	for n, row := range table {
		out = append(out, change(row, n))
	}
	return out
}

func editHeader(table [][]string, change func(string) string) [][]string {
	return edit(table, func(row []string, n int) []string {
		if n > 0 {
			return row
		}
		out := slices.Clone(row)
		for i := range out {
			out[i] = change(out[i])
		}
		return out
	})
}

func written(t *testing.T, table [][]string) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, csv.NewWriter(&b).WriteAll(table))
	return b.Bytes()
}

func sortedParts(shape string) []string {
	parts := strings.Split(shape, " | ")
	slices.Sort(parts)
	return parts
}
