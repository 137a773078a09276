package audiencetest

// place is a country of the shop's contacts.
type place struct {
	country  string
	currency string
	weight   uint16 // how many of them live there, among the others
	cities   [3]string
}

const countries = 30

// Countries gives the country codes, the commonest first.
func Countries() []string {
	all := places()
	out := make([]string, len(all))
	for i, p := range all {
		out[i] = p.country
	}
	return out
}

func places() [countries]place {
	return [countries]place{
		{"DE", "EUR", 260, [3]string{"Berlin", "Hamburg", "München"}},
		{"FR", "EUR", 120, [3]string{"Paris", "Lyon", "Marseille"}},
		{"GB", "GBP", 80, [3]string{"London", "Leeds", "Bristol"}},
		{"AT", "EUR", 70, [3]string{"Wien", "Graz", "Linz"}},
		{"NL", "EUR", 65, [3]string{"Amsterdam", "Utrecht", "'s-Hertogenbosch"}},
		{"CH", "CHF", 60, [3]string{"Zürich", "Genève", "Basel"}},
		{"IT", "EUR", 55, [3]string{"Milano", "Roma", "Torino"}},
		{"ES", "EUR", 50, [3]string{"Madrid", "Barcelona", "A Coruña"}},
		{"US", "USD", 45, [3]string{"New York", "Chicago", "Winston-Salem"}},
		{"PL", "PLN", 40, [3]string{"Warszawa", "Kraków", "Łódź"}},
		{"BE", "EUR", 36, [3]string{"Brussel", "Gent", "Liège"}},
		{"SE", "SEK", 28, [3]string{"Stockholm", "Göteborg", "Malmö"}},
		{"DK", "DKK", 24, [3]string{"København", "Aarhus", "Odense"}},
		{"CZ", "CZK", 20, [3]string{"Praha", "Brno", "Plzeň"}},
		{"PT", "EUR", 16, [3]string{"Lisboa", "Porto", "Évora"}},
		{"NO", "NOK", 14, [3]string{"Oslo", "Bergen", "Tromsø"}},
		{"FI", "EUR", 12, [3]string{"Helsinki", "Tampere", "Jyväskylä"}},
		{"IE", "EUR", 11, [3]string{"Dublin", "Cork", "Dún Laoghaire"}},
		{"HU", "HUF", 9, [3]string{"Budapest", "Győr", "Pécs"}},
		{"RO", "RON", 8, [3]string{"București", "Cluj-Napoca", "Iași"}},
		{"GR", "EUR", 7, [3]string{"Αθήνα", "Θεσσαλονίκη", "Πάτρα"}},
		{"SK", "EUR", 6, [3]string{"Bratislava", "Košice", "Žilina"}},
		{"BG", "BGN", 5, [3]string{"София", "Пловдив", "Варна"}},
		{"HR", "EUR", 5, [3]string{"Zagreb", "Split", "Šibenik"}},
		{"SI", "EUR", 4, [3]string{"Ljubljana", "Maribor", "Celje"}},
		{"LT", "EUR", 4, [3]string{"Vilnius", "Kaunas", "Šiauliai"}},
		{"LV", "EUR", 3, [3]string{"Rīga", "Liepāja", "Jelgava"}},
		{"EE", "EUR", 3, [3]string{"Tallinn", "Tartu", "Pärnu"}},
		{"LU", "EUR", 3, [3]string{"Luxembourg", "Esch-sur-Alzette", "Differdange"}},
		{"TR", "TRY", 3, [3]string{"İstanbul", "Ankara", "Iğdır"}},
	}
}

// Tags gives the names of the tags that contacts have, "vip" first, then the
// commonest first. The bits of [Person.Tags] are in this order.
func Tags() []string {
	all := tags()
	return all[:]
}

const tagCount = 50

func tags() [tagCount]string {
	return [tagCount]string{
		"vip", "newsletter", "b2c", "app", "sale", "women", "men", "kids", "returns", "loyalty",
		"shoes", "sports", "outdoor", "home", "garden", "beauty", "books", "music", "games", "toys",
		"coffee", "tea", "wine", "vegan", "organic", "pets", "dogs", "cats", "travel", "bikes",
		"running", "yoga", "football", "ski", "surf", "camera", "audio", "phones", "computers", "b2b",
		"wholesale", "press", "influencer", "staff", "beta", "survey", "referral", "gift-card", "store-pickup", "café",
	}
}

// Interests gives the items that the list field interests is made of. The
// bits of [Person.Interests] are in this order.
func Interests() []string {
	all := interests()
	return all[:]
}

const interestCount = 12

func interests() [interestCount]string {
	return [interestCount]string{
		"fashion", "sport", "home", "garden", "beauty", "books", "music", "games", "food", "travel", "tech", "kids & family",
	}
}

// Plans gives the values of the field plan; those after the first renew.
func Plans() []string { return []string{"free", "basic", "plus", "pro"} }
