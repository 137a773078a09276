package compliance

import (
	"slices"
	"strings"
)

// RegimeRules is one row of the table of regimes: what a body of rules asks
// of marketing by e-mail. It is data, so that a host can add a row.
type RegimeRules struct {
	Regime Regime
	// Where it applies: countries as ISO 3166-1, two letters, or regions as
	// ISO 3166-2, such as "US-CA".
	Where []string
	// Bases are those it knows for marketing by e-mail. A purpose that rests on
	// another one denies.
	Bases []Basis
	// Confirmed asks for a double opt-in wherever consent is the basis: without
	// it the gate warns, since who denies having consented is believed.
	Confirmed bool
	// BusinessFree says that companies and their role addresses need no basis,
	// though they may object.
	BusinessFree bool
	// Obligations are what each marketing message must carry.
	Obligations []Obligation
}

// Regimes gives the default table, in the order in which rules are listed:
// GDPR with ePrivacy Art. 13, UK GDPR with PECR, § 7 UWG, CAN-SPAM (15 USC
// 7704), CASL, CCPA and the Spam Act 2003. Each call gives a copy.
func Regimes() []RegimeRules {
	everywhere := []Obligation{
		{OblUnsubscribe, "RFC 8058; ePrivacy Art. 13(4); 15 USC 7704(a)(3); CASL s. 6(2)(c)"},
		{OblSender, "ePrivacy Art. 13(4); PECR reg. 23; 15 USC 7704(a)(1); CASL s. 6(2)(a)"},
	}
	with := func(more ...Obligation) []Obligation { return slices.Concat(everywhere, more) }
	return []RegimeRules{
		{
			Regime: RegimeGDPR, Where: strings.Fields("AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE IS LI NO"),
			Bases: []Basis{BasisConsent, BasisSoftOptIn}, Obligations: with(),
		},
		{
			Regime: RegimeUK, Where: []string{"GB", "UK"}, Bases: []Basis{BasisConsent, BasisSoftOptIn}, BusinessFree: true, Obligations: with(),
		},
		{
			Regime: RegimeGermany, Where: []string{"DE"}, Bases: []Basis{BasisConsent, BasisSoftOptIn}, Confirmed: true, Obligations: with(),
		},
		{
			Regime: RegimeCANSPAM, Where: []string{"US"}, Bases: []Basis{BasisConsent, BasisSoftOptIn, BasisImplied, BasisOptOut},
			Obligations: with(Obligation{OblPostalAddress, "15 USC 7704(a)(5); 16 CFR 316.2(p)"}),
		},
		{
			Regime: RegimeCASL, Where: []string{"CA"}, Bases: []Basis{BasisConsent, BasisImplied},
			Obligations: with(Obligation{OblPostalAddress, "CASL s. 6(2); ECPR s. 2"}, Obligation{OblContactDetails, "ECPR s. 2(1)(d)"}),
		},
		{
			Regime: RegimeCCPA, Where: []string{"US-CA"}, Bases: []Basis{BasisConsent, BasisSoftOptIn, BasisImplied, BasisOptOut}, Obligations: with(),
		},
		{
			Regime: RegimeAustralia, Where: []string{"AU"}, Bases: []Basis{BasisConsent, BasisImplied}, Obligations: with(),
		},
	}
}

// regimesOf chooses the rows that apply: those of the place, and those of the
// sender's country, whose law follows it abroad (GDPR Art. 3(1)). For a place
// that is unknown, or that no row knows, all apply: what nobody can tell is
// decided by the strictest.
func regimesOf(table []RegimeRules, f Facts, sender string) []*RegimeRules {
	var out []*RegimeRules
	found := false
	for i := range table {
		row := &table[i]
		here := appliesAt(row, f.Country, f.Region)
		found = found || here
		if here || sender != "" && appliesAt(row, sender, "") {
			out = append(out, row)
		}
	}
	if found {
		return out
	}
	for i := range table {
		if row := &table[i]; !slices.Contains(out, row) {
			out = append(out, row)
		}
	}
	return inOrder(table, out)
}

// appliesAt reports whether a row is about a place. In a country with an
// unknown region the rows of all its regions apply.
func appliesAt(row *RegimeRules, country, region string) bool {
	for _, w := range row.Where {
		within, _, isRegion := strings.Cut(w, "-")
		switch {
		case country == "":
		case !isRegion && strings.EqualFold(w, country):
			return true
		case isRegion && strings.EqualFold(within, country) && (region == "" || strings.EqualFold(w, region)):
			return true
		}
	}
	return false
}

func inOrder(table []RegimeRules, rows []*RegimeRules) []*RegimeRules {
	var out []*RegimeRules
	for i := range table {
		if slices.Contains(rows, &table[i]) {
			out = append(out, &table[i])
		}
	}
	return out
}
