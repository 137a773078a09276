// Package celenv is the segment language over cel-go, and the only importer
// of it.
package celenv
