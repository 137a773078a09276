package importer

import (
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// shopVendors are systems that sell.
func shopVendors() []vendor {
	return []vendor{
		{
			name: "shopify",
			columns: slices.Concat(
				system(1, "shopify", "Customer ID"), to(1, TargetFirstName, "First Name"), to(1, TargetLastName, "Last Name"), to(1, TargetEmail, "Email"),
				to(3, TargetConsented, "Accepts Email Marketing"), typed(3, audience.TypeBool, formatWords, "Accepts SMS Marketing"),
				texts(1, "Company|Address1|Address2|City|Province Code|Country Code"),
				texts(2, "Default Address Company|Default Address Address1|Default Address Address2|Default Address City|Default Address Province Code|Default Address Country Code"),
				typed(2, audience.TypeString, formatGuarded, "Default Address Zip|Default Address Phone"), to(1, TargetPhone, "Phone"),
				typed(2, audience.TypeDouble, "", "Total Spent"), typed(2, audience.TypeInt, "", "Total Orders"), texts(1, "Note"),
				typed(2, audience.TypeBool, formatWords, "Tax Exempt"), to(1, TargetTags, "Tags"),
			),
		},
		{
			name: "woocommerce",
			columns: slices.Concat(
				to(1, TargetFullName, "Name"), texts(1, "Username"), plain(2, "Last Active"), to(2, TargetCreatedAt, "Sign Up"), to(1, TargetEmail, "Email"),
				typed(1, audience.TypeInt, "", "Orders"), typed(2, audience.TypeDouble, "", "Total Spend"), typed(3, audience.TypeDouble, "", "AOV"),
				texts(2, "Country / Region"), texts(1, "City|Region|Postal Code|Role"), to(2, TargetPhone, "Billing Phone"), texts(2, "Shipping Phone"),
			),
		},
		{
			name: "magento",
			columns: slices.Concat(
				to(1, TargetEmail, "email"), texts(3, "_website|_store"), to(1, TargetSecret, "confirmation"), to(1, TargetCreatedAt, "created_at"), texts(1, "created_in"),
				typed(3, audience.TypeBool, formatWords, "disable_auto_group_change"), plain(1, "dob"), to(1, TargetFirstName, "firstname"), texts(1, "gender"),
				texts(1, "group_id"), to(1, TargetLastName, "lastname"), texts(1, "middlename"), to(2, TargetSecret, "password_hash"), texts(1, "prefix"),
				to(3, TargetSecret, "rp_token"), to(2, TargetIgnore, "rp_token_created_at"), texts(1, "store_id|suffix"), texts(2, "taxvat"),
				to(1, TargetIgnore, "updated_at"), texts(2, "website_id"), to(1, TargetSecret, "password"),
			),
		},
		{
			name: "bigcommerce",
			columns: slices.Concat(
				system(1, "bigcommerce", "Customer ID"), to(1, TargetFirstName, "First Name"), to(1, TargetLastName, "Last Name"), texts(1, "Company"), to(1, TargetEmail, "Email"),
				to(1, TargetPhone, "Phone"), texts(1, "Notes"), typed(2, audience.TypeDouble, "", "Store Credit"), texts(2, "Customer Group"),
				formatted(formatMDY, to(2, TargetCreatedAt, "Date Joined")), texts(1, "Addresses"),
				typed(3, audience.TypeBool, formatWords, "Receive Review/Abandoned Cart Emails?"), to(2, TargetConsented, "Receive Marketing Emails?"), texts(2, "Tax Exempt Category"),
			),
		},
	}
}
