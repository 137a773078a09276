package importer_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// sample is the file of a vendor, or one with a trap, and what its rows say.
type sample struct {
	file, vendor string
	rows         []string // as shape writes them
	bad          []string // where rows are that cannot be used
}

// samplesFolder is where the files are; they are not part of the repository.
func samplesFolder(t testing.TB) string {
	t.Helper()
	root := os.Getenv("AUDIENCEKIT_CORPORA")
	if root == "" {
		t.Skip("set AUDIENCEKIT_CORPORA to the folder of corpora to run this test")
	}
	return filepath.Join(root, "import-samples")
}

// TestSampleRows: every file is recognised and its rows say what they should.
func TestSampleRows(t *testing.T) {
	folder := samplesFolder(t)
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	require.NoError(t, err)
	require.Len(t, files, len(samples())+1, "all but the README have expectations")
	for _, tt := range samples() {
		t.Run(tt.file, func(t *testing.T) {
			src := importer.File(filepath.Join(folder, tt.file))
			p := inspect(t, src, audience.Schema{})
			require.Equal(t, tt.vendor, p.Mapping.Vendor)
			require.Equal(t, len(tt.rows)+len(tt.bad), p.Rows)
			good, bad := readAs(t, src, planOf(p, nil), audience.Schema{}, nil)
			require.Len(t, bad, len(tt.bad), "%q", bad)
			for i, at := range tt.bad {
				require.Contains(t, bad[i], at+": ")
				require.NotContains(t, bad[i], "@example")
			}
			require.Len(t, good, len(tt.rows))
			for i, want := range tt.rows {
				require.Equal(t, want, shape(good[i]))
			}
			require.NotContains(t, p.String(), "@example", "no cells in what is shown")
		})
	}
}

func samples() []sample {
	return []sample{
		{
			file: "activecampaign.csv", vendor: "activecampaign",
			rows: []string{
				"email=ac@example.com | first=Alice | last=C | phone=0102030405 | tags=prospect,webinar | status=unsubscribed | created=2021-07-08T09:10:11",
				"email=b@example.com | first=Bea | tags=vip | status=subscribed | created=2022-01-02T03:04:05",
			},
		},
		{
			file: "beehiiv.csv", vendor: "beehiiv",
			rows: []string{
				"email=lorem@example.com | first=Lorem Name | status=subscribed | created=2023-03-24T10:23:10",
				"email=dolor@example.com | last=Dolor | status=unsubscribed | acted=2024-01-01T00:00:00 | created=2023-03-24T10:36:48",
			},
		},
		{
			file: "bigcommerce-customers.csv", vendor: "bigcommerce",
			rows: []string{
				"email=ida@example.com | bigcommerce=12 | first=Ida | last=Inge | phone=+46 70 000 00 00 | created=2026-01-15T00:00:00",
				"email=jalle@example.com | bigcommerce=13 | first=Jalle | last=Jern | created=2025-12-31T00:00:00",
			},
		},
		{
			file: "brevo-windows1252.csv", vendor: "brevo",
			rows: []string{
				"email=br@example.com | first=Zoé | last=Durand | phone=33611111111 | status=unsubscribed | created=2022-04-12T09:30:00",
				"email=ok@example.com | first=Jörg | last=Müller | created=2023-12-31T23:59:00",
			},
		},
		{
			file: "brevo.csv", vendor: "brevo",
			rows: []string{
				"email=br@example.com | first=Zoé | last=Durand | phone=33611111111 | status=unsubscribed | created=2022-04-12T09:30:00",
				"email=ok@example.com | first=Jörg | last=Müller | created=2023-12-31T23:59:00",
			},
		},
		{
			file: "constantcontact.csv", vendor: "constantcontact",
			rows: []string{
				"email=ann@example.com | first=Ann | last=Active | phone=555-0100 | tags=donor,vip | status=subscribed | created=2023-05-01T10:00:00",
				"email=bob@example.com | first=Bob | last=Gone | status=unsubscribed | created=2022-05-01T10:00:00",
			},
		},
		{
			file: "ghost-members.csv", vendor: "ghost",
			rows: []string{
				"email=ann@example.com | ghost=634e48e056ef99c6a7af5850 | first=Ann Lee | last=Smith | tags=Early bird,VIP | status=subscribed | created=2024-03-01T09:30:00",
				"email=bob@example.com | ghost=634e48e056ef99c6a7af5851 | first=Bob | status=unsubscribed | created=2024-03-02T09:30:00",
			},
		},
		{
			file: "google-contacts-legacy.csv", vendor: "google",
			rows: []string{
				"email=hanna@example.com | also=hh@example.org | first=Hanna | last=Holm | phone=+46 70 111 22 33 | tags=Friends",
			},
		},
		{
			file: "google-contacts.csv", vendor: "google",
			rows: []string{
				"email=rob@example.com | also=bob@example.org | first=Robert | last=Smith | phone=+1 500 555 0006 | tags=Work",
				"email=tsubasa@example.com | first=翼 | last=愛川",
			},
			bad: []string{"line 5"},
		},
		{
			file: "hubspot.csv", vendor: "hubspot",
			rows: []string{
				"email=g.perrin@example.com | hubspot=901 | first=Gaëlle | last=Perrin | phone=04 50 11 22 33 | created=2024-03-12T09:14:00",
				"email=JOHN@Example.com | hubspot=902 | first=John | last=Smith | created=2024-03-15T14:30:00",
				"hubspot=903 | created=2024-01-01T00:00:00",
				"email=john@example.com | hubspot=904 | first=Dup | last=Licate | created=2024-03-13T09:14:00",
			},
		},
		{
			file: "kit-convertkit.csv", vendor: "kit",
			rows: []string{
				"email=kit@example.com | first=Kim | status=subscribed | created=2022-09-10T11:12:13",
				"email=bo@example.com | first=Bo | status=bounced | created=2022-09-10T11:12:13",
			},
		},
		{
			file: "klaviyo.csv", vendor: "klaviyo",
			rows: []string{
				"email=rut@example.com | klaviyo=01HXAMPLE000000000000001 | first=Rut | last=Rask | status=subscribed | created=2024-01-05T10:11:12",
				"email=sten@example.com | klaviyo=01HXAMPLE000000000000002 | first=Sten | last=Sand | created=2024-02-05T10:11:12",
				"email=off@example.com | klaviyo=01HXAMPLE000000000000003 | status=unsubscribed | created=2023-02-05T10:11:12",
			},
		},
		{
			file: "listmonk-export.csv", vendor: "listmonk",
			rows: []string{
				"email=user1@example.com | listmonk=11111111-1111-4111-8111-111111111111 | first=User | last=One | created=2026-01-02T03:04:05",
				"email=blocked@example.com | listmonk=22222222-2222-4222-8222-222222222222 | first=Blocked | status=unsubscribed | created=2026-01-02T03:04:05",
			},
		},
		{
			file: "listmonk-import.csv", vendor: "listmonk",
			rows: []string{
				"email=user1@example.com | first=User | last=One",
				"email=user2@example.com | first=User | last=Two",
			},
			bad: []string{"line 4, column 3"},
		},
		{
			file: "magento-customer.csv", vendor: "magento",
			rows: []string{
				"email=newjon@example.com | first=Jon | last=Doe | created=2024-01-09T12:49:00",
			},
		},
		{
			file: "mailchimp-cleaned.csv", vendor: "mailchimp",
			rows: []string{
				"email=bounced@example.com | mailchimp=e5f6a7b8c9 | first=Bo | last=Unced | tags=Editors | status=bounced | acted=2020-03-23T17:30:05",
			},
		},
		{
			file: "mailchimp-subscribed.csv", vendor: "mailchimp",
			rows: []string{
				"email=ada@example.com | mailchimp=810826c56e | first=Ada | last=Lovelace | phone=+15005550006 | tags=Blog,Editors | status=subscribed | acted=2018-02-05T19:28:23",
				`email=lukasz@example.com | mailchimp=a1b2c3d4e5 | first=Łukasz | last=O'Neil, Jr. | tags="Monday, Wednesday" | status=subscribed | acted=2023-04-21T11:16:57`,
				"email=noname@example.com | mailchimp=b2c3d4e5f6 | status=subscribed | acted=2020-06-04T15:28:08",
			},
		},
		{
			file: "mailchimp-unsubscribed.csv", vendor: "mailchimp",
			rows: []string{
				"email=gone@example.com | mailchimp=c3d4e5f6a7 | first=Gone | last=Girl | status=unsubscribed | acted=2018-07-23T12:19:27",
				"email=bye@example.com | mailchimp=d4e5f6a7b8 | tags=Lorem Editors | status=unsubscribed | acted=2022-12-05T21:01:47",
			},
		},
		{
			file: "mailtrap.csv", vendor: "mailtrap",
			rows: []string{
				"email=john@example.com | first=John | last=Doe | tags=customer,vip",
				"email=jane@example.com | first=Jane | last=Smith | tags=newsletter,prospect",
				"email=lukasz@example.com | first=Łukasz | last=Żółć",
			},
		},
		{
			file: "outlook-windows1252.csv", vendor: "outlook",
			rows: []string{
				"email=f.lefevre@example.com | also=fl@example.org | first=François | last=Lefèvre | phone=+33 6 00 00 00 00 | tags=Colleagues,Friends",
			},
			bad: []string{"line 3"},
		},
		{
			file: "pipedrive-people.csv", vendor: "pipedrive",
			rows: []string{
				"email=jordan@example.com | also=jv@example.org | pipedrive=88 | first=Jordan | last=Vega | phone=312-555-0122",
				"email=prince@example.com | pipedrive=89 | first=Prince",
			},
		},
		{
			file: "salesforce-report-latin1.csv", vendor: "salesforce",
			rows: []string{
				"email=elsa@example.com | first=Elsa | last=Ek | phone=0701231234",
				"email=frank@example.com | first=Frank | last=Fors | status=unsubscribed",
			},
		},
		{
			file: "shopify-customers.csv", vendor: "shopify",
			rows: []string{
				"email=teo@example.com | shopify=7210448301122 | first=Teodoro | last=Villaseñor | phone=+17755550154 | tags=ag-exempt,retail | status=unsubscribed",
				"email=hollis@example.com | shopify=7210448301123 | first=Hollis | last=Pettibone | tags=retail | status=subscribed",
				"shopify=7210448301124 | phone=+15005550006 | status=unsubscribed",
			},
		},
		{
			file: "substack-dashboard.csv", vendor: "substack",
			rows: []string{
				"email=pia@example.com | first=Pia | last=Palm | created=2025-09-01T08:00:00",
				"email=q@example.com",
			},
		},
		{
			file: "substack-signup.csv", vendor: "substack",
			rows: []string{
				"email=paid@example.com | created=2018-08-27T15:06:27",
				"email=free@example.com | created=2018-08-27T15:02:18",
				"email=muted@example.com | status=unsubscribed | created=2018-08-29T20:50:03",
			},
		},
		{
			file: "trap-angle-mailto.csv",
			rows: []string{
				"email=NEA.NORD@EXAMPLE.COM | first=Nea | last=Nord",
				"email=olle@example.com | first=Olle | last=Orm",
				"email=per@example.com | also=per@example.org | first=Per",
				"email=zw@example.com | first=ZW",
				"email=nb@example.com | first=NBSP",
			},
		},
		{
			file: "trap-bare-quote.csv",
			rows: []string{
				"email=bob@example.com | tags=vip",
				"email=cid@example.com | tags=vip",
			},
			bad: []string{"line 2, column 2"},
		},
		{
			file: "trap-cr-only.csv",
			rows: []string{
				"email=ada@example.com | first=Ada",
				"email=bob@example.com | first=Bob",
			},
		},
		{
			file: "trap-dates-ambiguous.csv",
			rows: []string{
				"email=a@example.com",
				"email=b@example.com",
				"email=c@example.com",
				"email=d@example.com",
				"email=e@example.com",
				"email=f@example.com",
			},
		},
		{
			file: "trap-duplicate-blank-headers.csv",
			rows: []string{
				"email=pia@example.com | also=pia.alt@example.org | first=Pia | last=Palm",
			},
		},
		{
			file: "trap-email-consent-header.csv",
			rows: []string{
				"email=real@example.com | first=Ada | status=subscribed | acted=2024-01-01T00:00:00",
			},
		},
		{
			file: "trap-excel-sep-hint.csv",
			rows: []string{
				"email=britt@example.com | first=Britt | last=Berg | phone=070-111 22 33",
				"email=ake@example.com | first=Åke | last=Ärn",
			},
		},
		{
			file: "trap-excel-unicode-utf16le-tab.txt", vendor: "mailtrap",
			rows: []string{
				"email=ada@example.com | first=Łucja | last=Żak | tags=customer,vip",
				"email=美咲@example.com | first=美咲 | last=田中",
			},
		},
		{
			file: "trap-formula.csv",
			rows: []string{
				`email=ada@example.com | first==HYPERLINK("http://example.com/x","click") | phone=+15005550006`,
				"email=bob@example.com | first=@SUM(A1) | phone=+48 500 000 000",
			},
		},
		{
			file: "trap-latin1-mislabelled-one-byte.csv",
			rows: []string{
				"email=zoe@example.com | first=Zoë",
			},
			bad: []string{"line 3, column 2"},
		},
		{
			file: "trap-leading-zeros.csv",
			rows: []string{
				"email=ada@example.com",
				"email=bob@example.com",
			},
		},
		{
			file: "trap-no-header.csv",
			rows: []string{
				"email=ada@example.com",
				"email=bob@example.com",
			},
		},
		{
			file: "trap-nul-control.csv",
			rows: []string{
				"email=bob@example.com | first=Bo\vb",
			},
			bad: []string{"line 2, column 2"},
		},
		{
			file: "trap-preamble-title.csv",
			rows: []string{
				"email=ada@example.com | first=Ada | tags=vip",
			},
		},
		{
			file: "trap-ragged.csv",
			rows: []string{
				"email=ada@example.com | first=Ada",
				"email=cid@example.com | first=Cid | tags=vip",
			},
			bad: []string{"line 4, column 4"},
		},
		{
			file: "trap-unclosed-quote.csv",
			rows: []string{
				"email=bob@example.com | tags=vip",
				"email=cid@example.com | tags=vip",
			},
			bad: []string{"line 2, column 2"},
		},
		{
			file: "trap-unquoted-tags.csv", vendor: "mailtrap",
			rows: []string{
				"email=jane@example.com | first=Jane | last=Smith | tags=prospect",
			},
			bad: []string{"line 2, column 5"},
		},
		{
			file: "trap-utf16be.csv",
			rows: []string{
				"email=ada@example.com | first=Zoë",
			},
		},
		{
			file: "trap-utf8-bom-quoted-header.csv",
			rows: []string{
				"email=ada@example.com | first=Ada | tags=customer,vip",
			},
		},
		{
			file: "woocommerce-customers.csv", vendor: "woocommerce",
			rows: []string{
				"email=kal@example.com | first=Kal | last=Kund | phone=0709090909 | created=2025-01-15T08:00:00",
				"email=lo@example.com | first=Lo | last=Lind",
			},
		},
	}
}
