// Package columns keeps, in memory and by column, what the live segments read
// of contacts. A [Table] has one writer; it may be read only while nothing
// writes, which its owner sees to.
package columns
