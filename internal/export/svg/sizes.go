package svg

// Lengths of the picture.
const (
	margin = 20 * px // around everything

	boxHeight    = 44 * px  // of a box with few links
	maxBoxHeight = 220 * px // of a box with many
	boxPadding   = 14 * px  // left and right of its text
	minBoxWidth  = 96 * px
	maxTextWidth = 220 * px // longer names are shortened
	boxAir       = 11 * px  // free space above and below
	bendAir      = 6 * px   // free space above and below a link that passes
	portGap      = 11 * px  // between two links at one side of a box, until that has its full height
	widePortGap  = 17 * px  // where there is room: then the labels of two straight links fit side by side
	portMargin   = 10 * px  // between the outermost link and the corner

	frameSide   = 18 * px // between a frame and its boxes
	frameTop    = 22 * px // above the air of the uppermost box, for the name of the namespace
	frameBottom = 7 * px  // below the air of the lowest box
	frameAir    = 26 * px // between two frames
	openAir     = 8 * px  // between a frame and what is not in it, besides that one's own air

	loopHeight = 36 * px // of a link from a box to itself
)

// nameFont, captionFont, labelFont and frameFont are the sizes of the letters; style.css repeats them.
func nameFont() font    { return font{size: 13 * px, bold: true} }
func captionFont() font { return font{size: 105 * px / 10} }
func labelFont() font   { return font{size: 10 * px} }
func frameFont() font   { return font{size: 12 * px, bold: true} }
