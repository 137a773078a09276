// Package decimal adds numbers without an error of rounding: the segment
// language and the predicates of the store have to agree on sums to the bit,
// and neither may import the other's insides.
package decimal
