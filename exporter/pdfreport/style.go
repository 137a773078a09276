package pdfreport

// Measures are in points, 72 to an inch.
const (
	margin       = 48.0
	footerHeight = 28.0
	headerHeight = 26.0 // of pages after the first
	sectionGap   = 22.0
)

// color is 0xRRGGBB.
type color uint32

const (
	ink      color = 0x1E2A36
	muted    color = 0x66727F
	hairline color = 0xDCE2E8
	axis     color = 0x9AA5B1
	tile     color = 0xF4F6F8
	accent   color = 0x1F6F8B
	tint     color = 0xE3EFF3 // accent beneath a line
)

func (c color) rgb() (r, g, b int) { return int(c >> 16), int(c >> 8 & 0xFF), int(c & 0xFF) }

// seriesColor tells the series of a chart apart, for most color-blind readers
// too. From the ninth on colors come again, and lines are dashed.
func seriesColor(i int) color {
	palette := [...]color{accent, 0xE07B39, 0x3C9A6E, 0x8C5FA8, 0xC9A227, 0xCC4C5C, 0x5B7083, 0x6DB3D6}
	return palette[i%len(palette)]
}

// style is how a text looks.
type style struct {
	size  float64
	bold  bool
	color color
}

func titleStyle() style    { return style{22, true, ink} }
func subtitleStyle() style { return style{11, false, muted} }
func headingStyle() style  { return style{12, true, ink} }
func cellStyle() style     { return style{9, false, ink} }
func headStyle() style     { return style{8, true, muted} }
func smallStyle() style    { return style{7.5, false, muted} }

// leading is the distance from line to line.
func (s style) leading() float64 { return s.size * 1.35 }

// baseline is the distance from the top of a line to its baseline.
func (s style) baseline() float64 { return s.size * 1.02 }
