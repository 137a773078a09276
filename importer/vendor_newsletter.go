package importer

import (
	"slices"

	"github.com/audiencekit/audiencekit/audience"
)

// newsletterVendors are systems that publish newsletters.
func newsletterVendors() []vendor {
	return []vendor{
		{
			name: "substack",
			columns: slices.Concat(
				to(1, TargetEmail, "email"), typed(3, audience.TypeBool, "", "active_subscription"), typed(1, audience.TypeTimestamp, "", "expiry"),
				to(3, TargetRefused, "email_disabled"), typed(3, audience.TypeBool, "", "prefer_digests"), to(1, TargetCreatedAt, "created_at"),
			),
		},
		{
			name: "substack",
			columns: slices.Concat(
				to(1, TargetEmail, "Email"), to(1, TargetFullName, "Name"), plain(1, "Subscription type"), plain(1, "Activity"), to(1, TargetCreatedAt, "Subscription date"),
				plain(1, "Revenue"), plain(2, "Comments (all time)|Comments (last 7 days)|Comments (last 30 days)|Shares (all time)|Shares (last 7 days)|Shares (last 30 days)"),
				texts(1, "Subscriber country"), plain(2, "Email receives (last 6 months)|Email drops (last 6 months)|Emails opened (last 6 months)|Email opens (last 6 months)"),
				plain(1, "Email opens (last 7 days)|Email opens (last 30 days)|Email last opened at|Link clicks|Last clicked at"),
				plain(1, "Unique emails seen (last 6 months)|Unique emails seen (last 7 days)|Unique emails seen (last 30 days)"),
				plain(1, "Post views (last 6 months)|Post views (last 7 days)|Post views (last 30 days)"),
				plain(1, "Unique posts seen (all-time)|Unique posts seen (last 7 days)|Unique posts seen (last 30 days)"),
				plain(1, "Subscriptions gifted|Expires at|Days active (last 30 days)|First payment at|Paid upgrade date|Cancel date|Is Bestseller"),
				to(2, TargetEvidence, "Subscription source (free)|Subscription source (paid)"), typed(2, audience.TypeStringList, "", "Receiving emails for"),
			),
		},
		{
			name: "ghost",
			columns: slices.Concat(
				system(1, "ghost", "id"), to(1, TargetEmail, "email"), to(1, TargetFullName, "name"), texts(1, "note"), to(3, TargetConsented, "subscribed_to_emails"),
				typed(3, audience.TypeBool, "", "complimentary_plan"), texts(1, "stripe_customer_id"), to(1, TargetCreatedAt, "created_at"), to(2, TargetRefused, "deleted_at"),
				to(2, TargetTags, "labels"), typed(2, audience.TypeStringList, "", "tiers"),
			),
		},
		{
			name: "beehiiv",
			columns: slices.Concat(
				to(1, TargetEmail, "email"), to(1, TargetFirstName, "First Name"), to(1, TargetLastName, "Last Name"), texts(1, "stripe_customer_id"),
				status(1, "status", map[string]audience.Status{
					"active": audience.StatusSubscribed, "inactive": audience.StatusUnsubscribed, "validating": audience.StatusPending, "pending": audience.StatusPending,
					"invalid": audience.StatusBounced, "unsubscribed": audience.StatusUnsubscribed,
				}),
				texts(2, "tier"), to(1, TargetCreatedAt, "created_at"), typed(3, audience.TypeBool, formatWords, "Free Tier|Bronze Tier|Silver Tier|Gold Tier"),
				to(2, TargetRefused, "unsubscribed_at"), plain(2, "Subscription Date (Substack)|referral_code|acquisition_source|utm_source"),
			),
		},
		{
			name: "kit", whole: true,
			columns: slices.Concat(
				to(1, TargetFirstName, "first_name"), to(1, TargetEmail, "email"), to(1, TargetCreatedAt, "created_at"),
				status(1, "status", map[string]audience.Status{
					"active": audience.StatusSubscribed, "inactive": audience.StatusPending, "unconfirmed": audience.StatusPending, "cancelled": audience.StatusUnsubscribed,
					"bounced": audience.StatusBounced, "complained": audience.StatusComplained,
				}),
			),
		},
		{
			name: "listmonk", whole: true,
			columns: slices.Concat(
				to(1, TargetEmail, "email"), to(1, TargetFullName, "name"), formatted(formatJSON, to(1, TargetField, "attributes")),
			),
		},
	}
}
