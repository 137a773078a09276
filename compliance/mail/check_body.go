package mail

import (
	"strings"

	"github.com/audiencekit/audiencekit/compliance"
)

// body checks what the reader sees.
func (c *checker) body(s shown) {
	if s.images > 0 && countLetters(s.visible) < 20 {
		c.warn("image-only", "body", "all is in images, which many readers do not see", "provider guidance; WCAG 1.4.5")
	}
	if c.commercial() || c.obliged(compliance.OblPostalAddress) {
		c.postal(s)
	}
	if c.commercial() || c.obliged(compliance.OblUnsubscribe) {
		c.optOut(s)
	}
	c.purpose(s)
	c.obligations(s)
}

// postal wants the sender's postal address as text that can be seen.
func (c *checker) postal(s shown) {
	address := letters(c.profile.Sender.PostalAddress)
	if address == "" || !strings.Contains(letters(s.visible), address) {
		c.block("missing-postal-address", "body", "the sender's postal address does not stand there as text that can be seen",
			"15 USC 7704(a)(5)(A)(iii); 16 CFR 316.2(p); CASL s. 6(2)")
	}
}

// optOut wants a way out that can be seen and that asks for nothing.
func (c *checker) optOut(s shown) {
	const basis = "15 USC 7704(a)(3), (5)(A)(ii); GDPR Art. 7(3); CASL s. 6(2)(c)"
	visible, demand := optOutIn(s.visible)
	hidden, _ := optOutIn(s.hidden)
	switch {
	case demand:
		c.block("unsubscribe-requires-login-or-fee", "body", "unsubscribing may ask for nothing but the address", "16 CFR 316.5; CASL s. 11(1)")
	case visible:
	case hidden:
		c.block("unsubscribe-not-conspicuous", "body", "the way out is there and cannot be seen", "15 USC 7704(a)(5)(A)(ii): clear and conspicuous")
	default:
		c.block("missing-unsubscribe-body", "body", "no link or address to unsubscribe stands in the text", basis)
	}
}

// optOutIn reports whether a text offers a way out, with somewhere to go, and
// whether it asks for more than the address.
func optOutIn(text string) (offered, demand bool) {
	lower, ways := strings.ToLower(text), optOutPhrases()
	if !hasAny(lower, ways) {
		return false, false
	}
	for _, sentence := range sentences(lower) {
		if !hasAny(sentence, ways) {
			continue
		}
		if hasAny(sentence, demandPhrases()) && !hasAny(sentence, []string{"no need", "not need", "without", "don't have to", "no login", "no fee"}) {
			demand = true
		}
		offered = true
	}
	return offered && (strings.Contains(lower, "://") || strings.Contains(lower, "@") || strings.Contains(lower, "reply")), demand
}

// sentences parts a text where a sentence or an item of a menu ends. Addresses
// stay whole.
func sentences(text string) []string {
	text = strings.NewReplacer(". ", "\n", ".\n", "\n", "! ", "\n", "? ", "\n", "|", "\n", "•", "\n", "·", "\n").Replace(text)
	return strings.Split(text, "\n")
}

func optOutPhrases() []string {
	return []string{
		"unsubscribe", "opt out", "opt-out", "opting out", "stop receiving", "no longer wish to receive", "do not wish to receive",
		"abmelden", "abbestellen", "austragen", "désabonner", "désinscri", "desabonn", "désinscrire", "darse de baja", "darme de baja", "cancelar la suscripción",
		"cancelar suscripción", "disiscri", "annulla l'iscrizione", "uitschrijven", "afmelden", "avregistrera", "afmeld", "meld deg av", "peruuta tilaus",
		"wypisz", "zrezygnuj", "odhlásit", "cancelar inscrição", "cancelar a inscrição", "配信停止", "退订", "отписаться",
	}
}

func demandPhrases() []string {
	return []string{
		"log in", "log-in", "login", "sign in", "sign-in", "password", " fee", "pay ", "payment", "captcha", "create an account", "call us",
		"anmelden sie sich", "passwort", "gebühr", "connectez-vous", "mot de passe",
	}
}

// purpose compares what a message claims to be with what it is.
func (c *checker) purpose(s shown) {
	lower := strings.ToLower(s.visible)
	subject := strings.ToLower(c.header.decoded("Subject"))
	sells := firstOf(lower, commercialPhrases())
	if hasAny(lower, []string{"not a marketing e", "not a marketing m", "not marketing", "not an advertisement", "keine werbung"}) && (c.commercial() || sells >= 0) {
		c.block("commercial-content-labelled-transactional", "body", "it sells, and says that it does not", "16 CFR 316.3; FTC v. Experian Consumer Services (2023)")
	}
	if c.class() == compliance.ClassPermission {
		if sells >= 0 {
			c.block("marketing-in-permission-request", "body", "a message that asks for consent may not advertise", "§ 7 UWG; BGH I ZR 164/09; CRTC 2012-549")
		}
		return
	}
	if sells < 0 || c.commercial() && (!hasAny(subject, receiptPhrases()) || isReplySubject(subject)) {
		return
	}
	if receipt := firstOf(lower, receiptPhrases()); receipt < 0 || sells < receipt {
		c.block("primary-purpose-commercial", "body", "what it is announced as does not stand at the beginning", "16 CFR 316.3(a)(2)")
	}
}

func commercialPhrases() []string {
	return []string{
		"% off", "buy now", "buy our", "shop now", "order now", "special offer", "more offers", "our offers", "sale ends", "on sale", "discount", "coupon",
		"free shipping", "limited time", "best price", "promo code", "voucher", "upgrade now", "% rabatt", "jetzt kaufen", "gutschein", "sonderangebot", "% de réduction",
	}
}

func receiptPhrases() []string {
	return []string{
		"receipt", "invoice", "order confirmation", "your order ", "order #", "shipped", "shipment", "delivery of", "password", "verification code",
		"security code", "account statement", "rechnung", "bestellung", "quittung", "facture", "commande",
	}
}

// firstOf gives where the first of the phrases stands; -1 for none.
func firstOf(s string, phrases []string) int {
	at := -1
	for _, p := range phrases {
		if i := strings.Index(s, p); i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	return at
}

// obligations checks what the gate asked for. What a machine cannot see is
// said to be unverified, never passed over.
func (c *checker) obligations(s shown) {
	seen := letters(s.visible)
	for _, o := range c.profile.Obligations {
		met, known := false, true
		switch text := letters(c.profile.Texts[o.ID]); {
		case o.ID == compliance.OblUnsubscribe || o.ID == compliance.OblPostalAddress: // have findings of their own
			continue
		case o.ID == compliance.OblNoOpenTracking:
			met = !s.pixel
		case text != "":
			met = strings.Contains(seen, text)
		case o.ID == compliance.OblSender:
			name := letters(c.profile.Sender.Name)
			met = name != "" && strings.Contains(letters(c.header.decoded("From"))+seen, name)
		case o.ID == compliance.OblContactDetails:
			met = containsAny(seen, c.profile.Sender.Phone, c.profile.Sender.Email, c.profile.Sender.URL)
		default:
			known = false
		}
		switch {
		case !known:
			c.warn("unverified-obligation:"+o.ID, "body", "no text is given by which to see that it is met", o.Basis)
		case !met:
			c.block("unmet-obligation:"+o.ID, "body", "the message does not do what the decision to send it asks for", o.Basis)
		}
	}
}

func containsAny(seen string, texts ...string) bool {
	for _, t := range texts {
		if t = letters(t); t != "" && strings.Contains(seen, t) {
			return true
		}
	}
	return false
}
