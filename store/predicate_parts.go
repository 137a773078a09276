package store

import "github.com/audiencekit/audiencekit/audience"

// PartsOf names the parts of a profile that the predicate reads.
func PartsOf(p Predicate) audience.ProfileParts {
	if p == nil {
		return audience.ProfileParts{}
	}
	return p.parts()
}

func (p Compare) parts() audience.ProfileParts    { return p.Feature.parts() }
func (p OneOf) parts() audience.ProfileParts      { return p.Feature.parts() }
func (p Present) parts() audience.ProfileParts    { return p.Feature.parts() }
func (HasTag) parts() audience.ProfileParts       { return audience.ProfileParts{} }
func (ListContains) parts() audience.ProfileParts { return audience.ProfileParts{} }
func (Consents) parts() audience.ProfileParts     { return audience.ProfileParts{Ledger: true} }
func (IsSuppressed) parts() audience.ProfileParts { return audience.ProfileParts{Suppressed: true} }
func (p Not) parts() audience.ProfileParts        { return PartsOf(p.Part) }
func (p IsTrue) parts() audience.ProfileParts     { return PartsOf(p.Part) }
func (p And) parts() audience.ProfileParts        { return unionOfParts(p) }
func (p Or) parts() audience.ProfileParts         { return unionOfParts(p) }

func (p OnList) parts() audience.ProfileParts {
	topic := p.List.Kind == audience.ListTopic
	return audience.ProfileParts{Ledger: topic, Lists: !topic}
}

func (f Feature) parts() audience.ProfileParts {
	return audience.ProfileParts{Ledger: f.Kind == FeatureStatus}
}

func unionOfParts(all []Predicate) audience.ProfileParts {
	var out audience.ProfileParts
	for _, p := range all {
		out = out.Union(PartsOf(p))
	}
	return out
}
