package segment

import "github.com/audiencekit/audiencekit/audience"

// opened refuses what is no engine: one that OpenEngine and LoadEngine did not
// make. Calls would wait for it for ever, or panic.
func (e *Engine) opened() error {
	if e == nil || e.aud == nil {
		return &audience.FieldError{Path: "engine", Rule: "open", Hint: "an engine of OpenEngine or LoadEngine, and their error looked at"}
	}
	return nil
}

func required(argument, what string) error {
	return &audience.FieldError{Path: argument, Rule: "required", Hint: what}
}
