package celenv

// Sum adds numbers exactly and rounds once in the end, as sum and avg do. The
// zero Sum is 0.
type Sum struct{ decimals decimalSum }

// Reset makes it 0 again.
func (s *Sum) Reset() { s.decimals.reset() }

// Add adds a finite double as the shortest decimal that stands for it.
func (s *Sum) Add(f float64) { s.decimals.add(f) }

// AddInt adds an int.
func (s *Sum) AddInt(n int64) { s.decimals.addInt(n) }

// Len gives how many numbers were added.
func (s *Sum) Len() int { return s.decimals.n }

// Float gives the double nearest to the sum, which may be infinite.
func (s *Sum) Float() float64 { return s.decimals.float() }

// Mean gives the double nearest to the sum over the count, which is not 0.
func (s *Sum) Mean() float64 { return s.decimals.mean() }
