package dns

// Reason says why a message made no sighting, or fewer than it promised.
type Reason uint8

// The reasons. Used is none: everything in the message was understood. With those up to NamesRestart there was no
// information, by design; from Malformed on some is lost or refused.
const (
	Used Reason = iota

	Query         // a question, not an answer
	Opcode        // not a standard query
	RCode         // an error, mostly NXDOMAIN of a resolver's search list
	QuestionCount // not exactly one question
	OtherType     // SRV, PTR, TXT, HTTPS and others, or another class than IN
	NoAddress     // an empty answer, mostly to a question for AAAA
	Duplicate     // the same answer on another interface, or sent again
	NamesRestart  // the name table was full and began again; nothing is lost

	Malformed // a record does not fit or has a wrong length; the records before it are used
	BadName   // a name has a byte that no host name has
	Truncated // the message ends early, or says so; the complete records are used
	Fragment  // the first fragment of several; the complete records are used
	TCPGap    // a message over TCP that could not be put together
	Oversize  // more than 256 answers; the first 256 are used

	reasons
)

// String returns the name of r in metrics and reports. It is stable.
func (r Reason) String() string {
	if r >= reasons {
		return "unknown"
	}
	return [reasons]string{
		Used: "used", Query: "query", Opcode: "opcode", RCode: "rcode", QuestionCount: "question-count", OtherType: "other-type",
		NoAddress: "no-address", Duplicate: "duplicate", NamesRestart: "names-restart", Malformed: "malformed", BadName: "bad-name",
		Truncated: "truncated", Fragment: "fragment", TCPGap: "tcp-gap", Oversize: "oversize",
	}[r]
}

// Lost reports whether r means that information is gone.
func (r Reason) Lost() bool { return r >= Malformed }
