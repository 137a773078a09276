package compliance

// Obligation is something that a message must carry or must not do.
type Obligation struct {
	ID    string `json:"id"`
	Basis string `json:"basis"` // the rule that asks for it
}
