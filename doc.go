// Package audiencekit is the root of an embeddable library for contacts, consent and live segments.
package audiencekit
