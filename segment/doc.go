// Package segment compiles segment definitions and evaluates them.
package segment
