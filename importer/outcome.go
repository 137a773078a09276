package importer

// String gives the word, such as "created".
func (o Outcome) String() string {
	switch o {
	case Created:
		return "created"
	case Updated:
		return "updated"
	case Skipped:
		return "skipped"
	case Suppressed:
		return "suppressed"
	case Rejected:
		return "rejected"
	}
	return ""
}

// String gives the word, such as "unchanged"; "" for rows that were not
// skipped.
func (r SkipReason) String() string {
	switch r {
	case SkippedUnchanged:
		return "unchanged"
	case SkippedDuplicate:
		return "duplicate"
	case SkippedExisting:
		return "existing"
	case SkippedUnknown:
		return "unknown"
	}
	return ""
}
