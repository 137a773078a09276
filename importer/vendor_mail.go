package importer

import (
	"slices"
	"strings"

	"github.com/audiencekit/audiencekit/audience"
)

// nameOwn is the vendor of our own exports.
const nameOwn = "audiencekit"

// headerTyped stands among folded headers for all those that name a type, as
// our own exports do.
const headerTyped = ":type"

// mailVendors are systems that send mail.
func mailVendors() []vendor {
	return []vendor{
		{
			name: nameOwn, telling: []string{"externalid", headerTyped},
			columns: slices.Concat(
				[]known{{header: headerTyped, weight: 2, plain: true}}, to(1, TargetIgnore, "updated_at|id|frequency"),
				to(1, TargetAddress, "other_emails"), to(1, TargetLists, "lists"),
				to(3, TargetExternalID, "external_id"), to(1, TargetEmail, "email"), to(1, TargetFirstName, "first_name"), to(1, TargetLastName, "last_name"),
				to(1, TargetPhone, "phone"), to(1, TargetTags, "tags"), status(1, "status", ownWords()), to(1, TargetCreatedAt, "created_at"),
			),
		},
		{
			name: "mailtrap", whole: true,
			columns: slices.Concat(
				to(1, TargetEmail, "email"), to(1, TargetFirstName, "first_name"), to(1, TargetLastName, "last_name"), to(1, TargetTags, "tags"),
			),
		},
		{
			name: "mailchimp", standing: mailchimpFile,
			columns: slices.Concat(
				to(2, TargetEmail, "Email Address"), to(1, TargetFirstName, "First Name"), to(1, TargetLastName, "Last Name"), texts(1, "Address|Birthday"),
				to(1, TargetPhone, "Phone Number"), plain(3, "MEMBER_RATING"), acted(3, "OPTIN_TIME|CONFIRM_TIME"), to(3, TargetEvidence, "OPTIN_IP|CONFIRM_IP"),
				plain(1, "LATITUDE|LONGITUDE|CC|REGION|TIMEZONE"), plain(2, "GMTOFF|DSTOFF"), plain(2, "LAST_CHANGED"),
				to(3, TargetRefused, "UNSUB_TIME"), to(2, TargetEvidence, "UNSUB_CAMPAIGN_TITLE|UNSUB_CAMPAIGN_ID|UNSUB_REASON|UNSUB_REASON_OTHER"),
				to(3, TargetBounced, "CLEAN_TIME"), to(2, TargetEvidence, "CLEAN_CAMPAIGN_TITLE|CLEAN_CAMPAIGN_ID"),
				system(3, "mailchimp", "EUID"), texts(3, "LEID"), texts(1, "NOTES"), to(1, TargetTags, "TAGS"),
			),
		},
		{
			name: "klaviyo",
			columns: slices.Concat(
				to(1, TargetEmail, "Email"), system(3, "klaviyo", "Klaviyo ID"), to(1, TargetFirstName, "First Name"), to(1, TargetLastName, "Last Name"),
				to(1, TargetPhone, "Phone Number"), texts(1, "City|Country|Zip Code|Source|Organization|Title"), texts(2, "State / Region"),
				status(3, "Email Marketing Consent", map[string]audience.Status{
					"SUBSCRIBED": audience.StatusSubscribed, "NEVER_SUBSCRIBED": audience.StatusNone, "NEVER SUBSCRIBED": audience.StatusNone,
					"UNSUBSCRIBED": audience.StatusUnsubscribed,
				}),
				acted(2, "Email Marketing Consent Timestamp"), to(2, TargetCreatedAt, "Profile Created On"), plain(1, "Date Added"),
				plain(2, "SMS Marketing Consent|Last Active|Total Customer Lifetime Value"),
			),
		},
		{
			name: "brevo",
			columns: slices.Concat(
				to(1, TargetEmail, "EMAIL"), to(1, TargetLastName, "LASTNAME|NOM"), to(1, TargetFirstName, "FIRSTNAME|PRENOM"), to(1, TargetPhone, "SMS"),
				to(3, TargetRefused, "EMAIL_BLACKLISTED"), typed(3, audience.TypeBool, formatWords, "SMS_BLACKLISTED"),
				formatted(formatDMY, to(3, TargetCreatedAt, "ADDED_TIME")), typed(3, audience.TypeTimestamp, formatDMY, "MODIFIED_TIME"),
				plain(1, "WHATSAPP|EXT_ID"), plain(2, "DOUBLE_OPT-IN|OPT_IN"), system(2, "brevo", "CONTACT ID"),
			),
		},
		{
			name: "listmonk",
			columns: slices.Concat(
				system(3, "listmonk", "uuid"), to(1, TargetEmail, "email"), to(1, TargetFullName, "name"),
				formatted(formatJSON, to(3, TargetField, "attributes")), to(1, TargetCreatedAt, "created_at"), to(1, TargetIgnore, "updated_at|id|frequency"),
				to(1, TargetAddress, "other_emails"), to(1, TargetLists, "lists"),
				status(1, "status", map[string]audience.Status{
					"enabled": audience.StatusNone, "disabled": audience.StatusUnsubscribed, "blocklisted": audience.StatusUnsubscribed,
				}),
			),
		},
		{
			name: "activecampaign",
			columns: slices.Concat(
				to(1, TargetEmail, "Email"), to(1, TargetFirstName, "First Name"), to(1, TargetLastName, "Last Name"), to(1, TargetPhone, "Phone"),
				to(1, TargetTags, "Tags"), to(3, TargetCreatedAt, "Date Created"), to(2, TargetEvidence, "IP"), system(2, "activecampaign", "Contact ID"),
				status(1, "Status", map[string]audience.Status{
					"Active": audience.StatusSubscribed, "Unconfirmed": audience.StatusPending, "Unsubscribed": audience.StatusUnsubscribed, "Bounced": audience.StatusBounced,
				}),
				plain(1, "Account|Job Title|Lists"), plain(1, "Interests"),
			),
			separator: "||",
		},
		{
			name: "constantcontact",
			columns: slices.Concat(
				to(2, TargetEmail, "Email address"), to(1, TargetFirstName, "First name"), to(1, TargetLastName, "Last name"), texts(1, "Company|Job title"),
				to(2, TargetPhone, "Phone - home|Phone - mobile|Phone - work"), texts(2, "Country - Home|City - Home|Street address line 1 - Home|Zip/Postal Code - Home|State/Province - Home"),
				texts(1, "Birthday|Anniversary"), to(1, TargetTags, "Tags"), typed(3, audience.TypeStringList, "", "Email Lists"),
				status(2, "Email status", map[string]audience.Status{
					"Active": audience.StatusSubscribed, "Unsubscribed": audience.StatusUnsubscribed, "Opted out": audience.StatusUnsubscribed,
					"Awaiting confirmation": audience.StatusPending, "Unconfirmed": audience.StatusPending, "Pending": audience.StatusPending,
					"Bounced": audience.StatusBounced, "Non-subscriber": audience.StatusNone, "Not set": audience.StatusNone, "Removed": audience.StatusUnsubscribed,
				}),
				permission("Email permission status"), to(1, TargetCreatedAt, "Created At"), to(1, TargetIgnore, "Updated At"),
				plain(2, "Source Name|Confirmed Opt-Out Date|Confirmed Opt-Out Source|Confirmed Opt-Out Reason"),
			),
		},
	}
}

// permission is kept as evidence and bounds what the status may say: implied
// permission is no consent.
func permission(header string) []known {
	out := to(3, TargetEvidence, header)
	out[0].Words = map[string]audience.Status{
		"Express": audience.StatusSubscribed, "Explicit": audience.StatusSubscribed, "Implied": audience.StatusPending, "Confirmed": audience.StatusSubscribed,
		"Unsubscribed": audience.StatusUnsubscribed, "Temp Hold": audience.StatusPending, "Not set": audience.StatusPending, "Pending confirmation": audience.StatusPending,
	}
	return out
}

// mailchimpFile tells which of Mailchimp's three files it is: by the columns
// that only one of them has, else by its name.
func mailchimpFile(headers map[string]bool, file string) (audience.Status, bool) {
	has := func(part string) bool {
		for h := range headers {
			if strings.HasPrefix(h, part) {
				return true
			}
		}
		return false
	}
	file = strings.ToLower(file)
	switch {
	case has("unsub"), strings.Contains(file, "unsubscribed"):
		return audience.StatusUnsubscribed, false
	case has("clean"), strings.Contains(file, "cleaned"):
		return audience.StatusBounced, false
	case strings.Contains(file, "nonsubscribed"):
		return audience.StatusNone, false
	case has("lastchanged"), strings.Contains(file, "subscribed"):
		return audience.StatusSubscribed, false
	}
	return audience.StatusNone, true
}
