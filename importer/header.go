package importer

import (
	"slices"
	"strings"
	"unicode"
)

// head is a header in the forms in which it is compared.
type head struct {
	text   string
	folded string
	words  []string
}

// foldHeader brings a header into the form in which headers are compared:
// letters and digits alone, lower-cased, without accents.
func foldHeader(header string) string {
	var b strings.Builder
	for _, r := range header {
		r = unicode.ToLower(r)
		if base := withoutAccent(r); base != "" {
			b.WriteString(base)
			continue
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// withoutAccent gives the letters of European languages as those of English.
func withoutAccent(r rune) string {
	if r < 0x80 {
		return ""
	}
	for _, group := range []struct{ letters, base string }{
		{"àáâãäåą", "a"},
		{"çćč", "c"},
		{"ďđ", "d"},
		{"èéêëęě", "e"},
		{"ìíîïı", "i"},
		{"łľ", "l"},
		{"ñńň", "n"},
		{"òóôõöøő", "o"},
		{"ŕř", "r"},
		{"śšş", "s"},
		{"ťţ", "t"},
		{"ùúûüůű", "u"},
		{"ýÿ", "y"},
		{"źżž", "z"},
		{"ß", "ss"},
		{"æ", "ae"},
		{"œ", "oe"},
	} {
		if strings.ContainsRune(group.letters, r) {
			return group.base
		}
	}
	return ""
}

// headerWords gives the words of a header, lower-cased: customerId and
// "Customer ID" are customer and id.
func headerWords(header string) []string {
	var words []string
	var b strings.Builder
	end := func() {
		if b.Len() > 0 {
			words = append(words, b.String())
			b.Reset()
		}
	}
	lower := false
	for _, r := range header {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end()
		case unicode.IsUpper(r) && lower:
			end()
			fallthrough
		default:
			folded := unicode.ToLower(r)
			if base := withoutAccent(folded); base != "" {
				b.WriteString(base)
			} else {
				b.WriteRune(folded)
			}
		}
		lower = unicode.IsLower(r) || unicode.IsDigit(r)
	}
	end()
	return words
}

func anyWord(words []string, among ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(among, w) })
}

// isTextual reports headers of numbers that are names and not quantities: they
// keep their zeros.
func isTextual(words []string) bool {
	if len(words) == 0 {
		return false
	}
	if anyWord(words, "id", "ids", "uuid", "guid", "zip", "zipcode", "plz", "postal", "postcode", "postleitzahl", "postnummer", "postnr",
		"phone", "phones", "telephone", "telefon", "telefono", "telefone", "tel", "mobile", "mobil", "handy", "cell", "cellphone", "fax", "sms", "whatsapp",
		"sku", "ean", "isbn", "vat", "taxvat", "iban", "bic", "ip", "pesel", "nip", "ssn", "kundennummer", "kundnummer", "barcode") {
		return true
	}
	switch words[len(words)-1] {
	case "no", "nr", "num", "number", "numero", "numer", "nummer", "code", "key", "ref", "reference", "postal1", "phone1":
		return true
	}
	return false
}

// isDated reports headers of days and instants.
func isDated(words []string) bool {
	if len(words) == 0 {
		return false
	}
	if anyWord(words, "date", "dates", "datum", "fecha", "data", "time", "timestamp", "datetime", "created", "updated", "modified", "joined", "signup", "registered",
		"birthday", "birthdate", "dob", "born", "geburtstag", "geburtsdatum", "anniversary", "expires", "expiry", "since", "day", "dzien") {
		return true
	}
	last := words[len(words)-1]
	return last == "at" || last == "on" || strings.HasSuffix(last, "date") || strings.HasSuffix(last, "datum")
}

// isSecret reports headers of what opens something: never read, shown or
// written.
func isSecret(words []string, folded string) bool {
	for _, part := range []string{
		"password", "passwd", "passwort", "kennwort", "motdepasse", "contrasena", "losenord", "passphrase", "apikey", "secretkey", "accesskey", "privatekey",
		"authkey", "clientsecret", "sessionid", "accesstoken", "refreshtoken", "resettoken", "rptoken", "creditcard", "cardnumber", "otpsecret",
	} {
		if strings.Contains(folded, part) && !strings.HasSuffix(folded, "at") {
			return true
		}
	}
	if anyWord(words, "secret", "token", "pwd", "haslo", "salt", "cvv", "cvc", "totp") {
		return words[len(words)-1] != "at"
	}
	return false
}

// somebodyElse reports headers about people other than the contact: the
// address of a column "Account owner" is not hers.
func somebodyElse(words []string) bool {
	return anyWord(words, "owner", "manager", "managers", "assistant", "assistants", "spouse", "partner", "referrer", "referred", "referral", "sales", "rep",
		"agent", "author", "admin", "by", "creator", "assignee", "parent", "emergency", "billing", "from", "sender", "support", "company", "organization")
}

// isMail reports headers that speak of e-mail.
func isMail(folded string) bool {
	for _, part := range []string{"mail", "epost", "correo", "courriel", "mejl"} {
		if strings.Contains(folded, part) {
			return true
		}
	}
	return false
}

// aliases are the names of what every contact has, in the languages that
// programs write headers in, folded.
func aliases() map[string]Target {
	out := make(map[string]Target)
	for target, names := range map[Target]string{
		TargetEmail: "email emailaddress mail mailaddress emailadresse mailadresse emailadress emailadres epost epostadress epostadresse eposta correo " +
			"correoelectronico direcciondecorreo adresseemail adressemail adresseemail courriel adresemail adresemejl mejl contactemail primaryemail " +
			"emailprimary personemail customeremail useremail subscriberemail memberemail youremail emailaddr indirizzoemail postaelettronica enderecodeemail " +
			"adreselektroniczny adrespocztyelektronicznej",
		TargetFirstName: "firstname first fname givenname given forename vorname prenom nombre nombres primernombre imie fornamn fornavn etunimi nome " +
			"primeironome voornaam prvnijmeno",
		TargetLastName: "lastname last lname surname familyname family nachname familienname zuname nomdefamille apellido apellidos nazwisko efternamn " +
			"etternavn efternavn sukunimi cognome sobrenome achternaam prijmeni",
		TargetFullName: "name fullname displayname contactname personname customername yourname subscribername namn navn nom nomcomplet nombrecompleto " +
			"vollername vollstandigername imieinazwisko nazwa nomecompleto nomecognome naam",
		TargetPhone: "phone phonenumber telephone telephonenumber tel mobile mobilephone mobilenumber cell cellphone sms whatsapp telefon telefonnummer " +
			"handy handynummer mobil mobilnummer mobiltelefon telefono telefonomovil movil celular telefone numerdetelefonu numertelefonu komorka portable gsm puhelin",
		TargetTags: "tags tag labels label etiketten schlagworte schlagworter etiquettes etiquetas tagi etykiety taggar etiketter etichette categories " +
			"kategorien kategorie segments",
		TargetCreatedAt: "createdat created datecreated createdate createddate createdon creationdate signup signupdate signedup signedupat dateadded " +
			"addedat addedtime addedon datejoined joined joinedat joindate registered registeredat registrationdate membersince customersince " +
			"erstelltam erstellt registrierungsdatum anmeldedatum datedecreation dateinscription datedinscription fechadecreacion fechaderegistro datautworzenia " +
			"datarejestracji dataadicao skapad skapaddatum registreringsdatum datacreazione",
		TargetStatus: "status emailstatus subscriptionstatus subscriberstatus emailmarketingstatus emailmarketingconsent marketingstatus marketingconsent " +
			"consentstatus consent emailconsent mailingstatus abonnementstatus abonnement estado statut stan emailsubscriptionstatus contactstatus memberstatus",
		TargetConsented: "subscribed issubscribed optin optedin emailoptin marketingoptin acceptsmarketing acceptsemailmarketing subscribedtoemails " +
			"emailsubscribed newsletteroptin marketingemails einwilligung zgodamarketingowa consentimiento",
		TargetRefused: "optout optedout emailoptout hasoptedoutofemail unsubscribed isunsubscribed unsubscribedat unsubscribeddate unsubscribedate unsubscribetime " +
			"unsubtime dateunsubscribed optoutdate optouttime optedoutat blacklisted emailblacklisted blocklisted emailblocklisted suppressed donotemail donotcontact " +
			"emaildisabled unsubscribedfromallemail abgemeldet abgemeldetam desabonne baja wypisany avregistrerad",
		TargetBounced: "bounced hardbounced bouncedat bouncedate cleaned cleanedat cleantime emailbounced hardbounce",
		TargetActed: "optintime optindate optedinat emailoptindate subscribedat subscribeddate datesubscribed subscriptiondate confirmtime confirmedat " +
			"confirmationdate consentdate consenttime consentedat consenttimestamp doubleoptindate",
		TargetEvidence: "optinip confirmip signupip ipaddress consentip consenttext consentsource optinsource optinmethod consentmethod signupsource " +
			"subscriptionsource doubleoptin",
	} {
		for n := range strings.FieldsSeq(names) {
			out[n] = target
		}
	}
	return out
}
