package importer

import (
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// peopleVendors are address books and systems that keep relations to
// customers.
func peopleVendors() []vendor {
	return []vendor{
		{
			name: "hubspot", separator: ";",
			columns: slices.Concat(
				system(3, "hubspot", "Record ID|Record ID - Contact"), to(1, TargetFirstName, "First Name"), to(1, TargetLastName, "Last Name"), to(1, TargetEmail, "Email"),
				to(1, TargetPhone, "Phone Number"), texts(2, "Contact owner"), plain(2, "Lead Status|Lifecycle Stage"), to(2, TargetCreatedAt, "Create Date"),
				texts(2, "Associated Company"), to(2, TargetRefused, "Unsubscribed from all email"), plain(2, "Marketing contact status|Last Activity Date"),
			),
		},
		{
			name: "google", separator: " ::: ",
			columns: slices.Concat(
				to(1, TargetFirstName, "First Name|Given Name"), to(1, TargetLastName, "Last Name|Family Name"), to(1, TargetFullName, "Name"),
				plain(1, "Middle Name|Nickname|Birthday|Notes|Name Prefix|Name Suffix"), plain(2, "Additional Name|Phonetic First Name|Phonetic Middle Name|Phonetic Last Name|File As"),
				plain(2, "Yomi Name|Given Name Yomi|Additional Name Yomi|Family Name Yomi|Short Name|Maiden Name|Billing Information|Directory Server"),
				plain(2, "Organization Name|Organization Title|Organization Department"), to(1, TargetIgnore, "Photo"),
				formatted(" ::: ", to(1, TargetTags, "Labels")), formatted(" ::: ", to(3, TargetTags, "Group Membership")),
				to(3, TargetIgnore, "E-mail 1 - Label|E-mail 1 - Type"), to(3, TargetEmail, "E-mail 1 - Value"), to(1, TargetIgnore, "E-mail 2 - Label|E-mail 2 - Type"),
				to(1, TargetAddress, "E-mail 2 - Value|E-mail 3 - Value"), to(1, TargetIgnore, "Phone 1 - Label|Phone 1 - Type"), to(2, TargetPhone, "Phone 1 - Value"),
			),
		},
		{
			name: "outlook", separator: ";",
			columns: slices.Concat(
				to(1, TargetFirstName, "First Name"), to(1, TargetLastName, "Last Name"), to(1, TargetEmail, "E-mail Address"),
				to(3, TargetAddress, "E-mail 2 Address|E-mail 3 Address"), to(2, TargetPhone, "Mobile Phone"),
				plain(1, "Middle Name|Title|Suffix|Web Page|Gender|Birthday|Anniversary|Notes|Company|Job Title|Department"),
				texts(1, "Primary Phone|Home Phone|Business Phone|Pager"), texts(2, "Home Phone 2|Business Phone 2|Home Fax|Business Fax|Other Fax|Car Phone|Radio Phone|TTY/TDD Phone"),
				texts(2, "Internet Free Busy|Home Address PO Box|Business Address PO Box|Organizational ID Number|Government ID Number"),
				texts(1, "Home Street|Home City|Home State|Home Postal Code|Home Country|Business Street|Business City|Business State|Business Postal Code|Business Country"),
				typed(1, audience.TypeBool, formatWords, "Private"), plain(1, "Sensitivity|Priority|Account|Keywords"), formatted(";", to(1, TargetTags, "Categories")),
			),
		},
		{
			name: "salesforce",
			columns: slices.Concat(
				texts(2, "Salutation"), to(1, TargetFirstName, "First Name"), to(1, TargetLastName, "Last Name"), texts(1, "Title"), texts(2, "Account Name"),
				texts(2, "Mailing Street|Mailing City|Mailing State/Province|Mailing Zip/Postal Code|Mailing Country"), to(1, TargetPhone, "Phone"), to(1, TargetEmail, "Email"),
				plain(2, "Last Activity"), to(3, TargetRefused, "Email Opt Out"), system(3, "salesforce", "Contact ID|Lead ID"), texts(1, "Lead Source"),
			),
		},
		{
			name: "pipedrive",
			columns: slices.Concat(
				system(3, "pipedrive", "Person - ID"), to(3, TargetFullName, "Person - Name"), to(3, TargetEmail, "Person - Email"), to(3, TargetPhone, "Person - Phone"),
				texts(2, "Person - Label|Person - Owner"), texts(2, "Organization - Name"), plain(2, "Person - Last activity date"),
				to(2, TargetCreatedAt, "Person - Person created"), to(2, TargetFirstName, "Person - First name"), to(2, TargetLastName, "Person - Last name"),
				status(2, "Person - Marketing status", map[string]audience.Status{
					"Subscribed": audience.StatusSubscribed, "Unsubscribed": audience.StatusUnsubscribed, "Bounced": audience.StatusBounced,
					"No consent": audience.StatusNone, "Archived": audience.StatusUnsubscribed,
				}),
			),
		},
	}
}
