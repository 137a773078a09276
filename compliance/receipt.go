package compliance

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// ReceiptFormat is a form of consent records that other programs read.
type ReceiptFormat string

// The formats.
const (
	// ReceiptDPV is a consent record after ISO/IEC TS 27560:2023 in the Data
	// Privacy Vocabulary (JSON-LD).
	ReceiptDPV ReceiptFormat = "dpv-27560"
	// ReceiptKantara is a consent receipt after Kantara Initiative 1.1.
	ReceiptKantara ReceiptFormat = "kantara-1.1"
)

// WriteReceipt writes the proof as a record or receipt for other programs,
// without addresses: the person is named by her contact id. Whoever never
// consented has no receipt: [audience.ErrNotFound].
func (p *Proof) WriteReceipt(w io.Writer, format ReceiptFormat) error {
	grant := p.lastGrant()
	if grant == nil {
		return &audience.NotFoundError{Kind: "consent"}
	}
	var out any
	switch format {
	case ReceiptDPV:
		out = p.dpv(grant)
	case ReceiptKantara:
		out = p.kantara(grant)
	default:
		return &audience.FieldError{Path: "format", Rule: "unknown", Hint: "ReceiptDPV or ReceiptKantara"}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(out)
}

// lastGrant gives the grant that decides, else the last one for the scope up to
// the instant of the proof.
func (p *Proof) lastGrant() *audience.ConsentRecord {
	if p.State.Record.Kind == audience.ConsentGranted {
		return &p.State.Record
	}
	var out *audience.ConsentRecord
	for i := range p.Chains {
		r := &p.Chains[i]
		if r.Kind == audience.ConsentGranted && p.concerns(r) && (out == nil || r.Acted.After(out.Acted)) {
			out = r
		}
	}
	return out
}

func (p *Proof) concerns(r *audience.ConsentRecord) bool {
	return !r.Acted.After(p.State.At) && r.Scope.Covers(p.State.Scope) && (r.Kind.IsRefusal() || r.Scope.List == p.State.Scope.List)
}

// receiptID is the same for the same grant, in the form of a UUID.
func receiptID(r *audience.ConsentRecord) string {
	id := r.Hash
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // version 8: made by a rule of our own (RFC 9562)
	h := hex.EncodeToString(id[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func receiptTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func contactURN(id audience.ContactID) string { return "urn:audience:contact:" + id.String() }

// title gives a text in the notice's language, else in English, else the id.
func (p *Proof) title(of map[string]string) string {
	return cmp.Or(of[p.language()], of["en"], p.purposeID())
}

func (p *Proof) language() string { return cmp.Or(p.Notice.Language, p.Evidence.Language) }

func (p *Proof) purposeID() string {
	return cmp.Or(p.Purpose.ID, p.State.Scope.Purpose, audience.PurposeMarketing)
}

// object is a JSON object of which empty members are left out.
type object map[string]any

func (o object) put(key, value string) {
	if value != "" {
		o[key] = value
	}
}

func (p *Proof) dpv(grant *audience.ConsentRecord) object {
	out := object{
		"@context": object{
			"dpv": "https://w3id.org/dpv#", "pd": "https://w3id.org/dpv/pd#", "loc": "https://w3id.org/dpv/loc#",
			"eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#", "dct": "http://purl.org/dc/terms/", "skos": "http://www.w3.org/2004/02/skos/core#",
			"rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
		},
		"@id": "urn:uuid:" + receiptID(grant), "@type": "dpv:ConsentRecord",
		"dct:conformsTo": "https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr", "dct:identifier": receiptID(grant),
		"dct:created": receiptTime(grant.Recorded), "dpv:hasDataSubject": object{"@id": contactURN(p.State.Contact)},
		"dpv:hasDataController": p.dpvParty(), "dpv:hasApplicableLaw": []string{"eu-gdpr:GDPR"}, "dpv:hasProcess": []object{p.dpvProcess()},
		"dpv:hasRight":         []string{"eu-gdpr:A7-3", "eu-gdpr:A15", "eu-gdpr:A16", "eu-gdpr:A17", "eu-gdpr:A18", "eu-gdpr:A20", "eu-gdpr:A21"},
		"dpv:hasConsentStatus": p.dpvStatuses(),
	}
	if p.Controller.Country != "" {
		out["dpv:hasJurisdiction"] = []string{"loc:" + p.Controller.Country}
	}
	if id := grant.Notice; id != "" {
		notice := object{"@type": "dpv:ConsentNotice", "dct:identifier": id, "sha256": id}
		if p.Notice.ID == id {
			notice.put("@id", p.Notice.URL)
			notice.put("dct:language", p.Notice.Language)
			notice.put("dct:hasVersion", p.Notice.Version)
			if !p.Notice.ValidFrom.IsZero() {
				notice["dct:date"] = p.Notice.ValidFrom.UTC().Format(time.DateOnly)
			}
		}
		out["dpv:hasNotice"] = []object{notice}
	}
	if p.Controller.URL != "" {
		out["dpv:hasConsentControl"] = []object{{"@type": "dpv:WithdrawConsent", "dpv:isExercisedAt": p.Controller.URL}}
	}
	return out
}

func (p *Proof) dpvParty() object {
	out := object{"@id": "urn:audience:party:" + p.Controller.ID}
	out.put("dpv:hasName", p.Controller.Name)
	out.put("dpv:hasAddress", p.Controller.PostalAddress)
	out.put("dpv:hasContact", p.Controller.Email)
	return out
}

func (p *Proof) dpvProcess() object {
	purpose := object{"@id": "urn:audience:purpose:" + p.purposeID(), "dct:description": p.title(p.Purpose.Description)}
	if p.Purpose.class() == ClassMarketing {
		purpose["skos:broader"] = "dpv:DirectMarketing"
	}
	out := object{
		"@type": "dpv:Process", "dpv:hasPurpose": purpose, "dpv:hasPersonalData": p.categories("pd:EmailAddress"),
		"dpv:hasLegalBasis": "eu-gdpr:A6-1-a", "dpv:hasDataSource": "dpv:DataSubjectDataSource",
	}
	var recipients []string
	for i := range p.Purpose.Recipients {
		recipients = append(recipients, "urn:audience:party:"+p.Purpose.Recipients[i].ID)
	}
	if recipients != nil {
		out["dpv:hasRecipient"] = recipients
	}
	var storage []object
	if p.Controller.Country != "" {
		storage = append(storage, object{"@type": "dpv:StorageLocation", "dpv:hasLocation": []string{"loc:" + p.Controller.Country}})
	}
	if d := isoDuration(p.Purpose.Retention); d != "" {
		storage = append(storage, object{"@type": "dpv:StorageDuration", "dpv:hasDuration": d})
	}
	if storage != nil {
		out["dpv:hasStorageCondition"] = storage
	}
	return out
}

func (p *Proof) categories(none string) []string {
	if len(p.Purpose.Categories) == 0 {
		return []string{none}
	}
	return p.Purpose.Categories
}

// dpvStatuses tells the states of the scope one after the other.
func (p *Proof) dpvStatuses() []object {
	var out []object
	add := func(at time.Time, r *audience.ConsentRecord, types ...string) {
		by := "dpv:DataSubject"
		if r.Mechanism == audience.MechanismAttested {
			by = "dpv:DataController"
		}
		s := object{"@type": types, "dpv:isIndicatedBy": by, "dpv:isIndicatedAtTime": receiptTime(at)}
		s.put("dpv:hasIndicationMethod", string(r.Mechanism))
		if !r.Expires.IsZero() {
			s["dct:valid"] = receiptTime(r.Expires)
		}
		out = append(out, s)
	}
	for i := range p.Chains {
		r := &p.Chains[i]
		if !p.concerns(r) {
			continue
		}
		switch r.Kind {
		case audience.ConsentRequested:
			add(r.Acted, r, "dpv:ConsentRequested")
		case audience.ConsentGranted:
			add(r.Acted, r, "dpv:ConsentGiven", "dpv:ExpressedConsent")
		case audience.ConsentWithdrawn, audience.ConsentComplained:
			add(r.Acted, r, "dpv:ConsentWithdrawn")
		case audience.ConsentBounced:
			add(r.Acted, r, "dpv:ConsentInvalidated")
		default: // says nothing about consent
		}
	}
	return out
}

// isoDuration gives a period as ISO 8601 has it, "" when there is none.
func isoDuration(p audience.Period) string {
	if p == (audience.Period{}) {
		return ""
	}
	out := "P"
	if m := p.Months(); m%12 == 0 && m > 0 {
		out += strconv.Itoa(m/12) + "Y"
	} else if m > 0 {
		out += strconv.Itoa(m) + "M"
	}
	if s := int64(p.Exact() / time.Second); s > 0 && s%86_400 == 0 {
		out += strconv.FormatInt(s/86_400, 10) + "D"
	} else if s > 0 {
		out += "T" + strconv.FormatInt(s, 10) + "S"
	}
	return out
}

func (p *Proof) kantara(grant *audience.ConsentRecord) object {
	c := &p.Controller
	purpose := object{
		"purpose": p.title(p.Purpose.Title), "consentType": "EXPLICIT", "purposeCategory": []string{p.kantaraCategory()},
		"piiCategory": p.categories("2 - Contact"), "primaryPurpose": true, "termination": "withdrawal, or the end of the consent",
		"thirdPartyDisclosure": len(p.Purpose.Recipients) > 0,
	}
	if len(p.Purpose.Recipients) > 0 {
		purpose["thirdPartyName"] = p.Purpose.Recipients[0].Name
	}
	if !grant.Expires.IsZero() {
		purpose["termination"] = "withdrawal, or " + receiptTime(grant.Expires)
	}
	return object{
		"version": "KI-CR-v1.1.0", "jurisdiction": c.Country, "consentTimestamp": grant.Acted.Unix(), "collectionMethod": string(grant.Mechanism),
		"consentReceiptID": receiptID(grant), "publicKey": "", "language": p.language(), "piiPrincipalId": contactURN(p.State.Contact),
		"piiControllers": []object{{
			"piiController": c.Name, "onBehalf": false, "contact": cmp.Or(c.Role, c.Name), "email": c.Email, "phone": c.Phone,
			"address": object{"streetAddress": c.PostalAddress, "addressCountry": c.Country},
		}},
		"policyUrl": cmp.Or(p.Notice.URL, c.URL), "services": []object{{"service": cmp.Or(c.Name, c.ID), "purposes": []object{purpose}}},
		"sensitive": false, "spiCat": []string{},
	}
}

// kantaraCategory is from the list of purposes of the specification.
func (p *Proof) kantaraCategory() string {
	switch p.Purpose.class() {
	case ClassMarketing, ClassTracking:
		return "6 - Marketing"
	default:
		return "1 - Core Function"
	}
}
