package command

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// names is a flag that takes names separated by commas or blanks, any number of times.
type names []string

// Set implements pflag.Value.
func (n *names) Set(text string) error {
	*n = append(*n, strings.FieldsFunc(text, isSeparator)...)
	return nil
}

// String implements pflag.Value.
func (n *names) String() string { return strings.Join(*n, ",") }

// Type implements pflag.Value.
func (n *names) Type() string { return "names" }

// moment is a flag that takes a duration before now, a time with its zone, or a date, which means its beginning in UTC.
type moment struct {
	ago  time.Duration
	when time.Time
	text string
}

// Set implements pflag.Value.
func (m *moment) Set(text string) error {
	if ago, ok := durationOf(text); ok {
		*m = moment{ago: ago, text: text}
		return nil
	}
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if when, err := time.Parse(form, text); err == nil && !when.IsZero() {
			*m = moment{when: when, text: text}
			return nil
		}
	}
	return errors.New(wantMoment)
}

// wantMoment says what a moment is.
const wantMoment = "want a duration such as 24h or 7d, a time such as 2026-11-20T07:00:00Z, or a date such as 2026-11-20"

// durationOf reads a duration as Go writes it, or whole days.
func durationOf(text string) (time.Duration, bool) {
	if days, found := strings.CutSuffix(text, "d"); found {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err == nil
	}
	ago, err := time.ParseDuration(text)
	return ago, err == nil && ago >= 0
}

// String implements pflag.Value.
func (m *moment) String() string { return m.text }

// Type implements pflag.Value.
func (m *moment) Type() string { return "duration|time" }

// at returns the moment, or the zero time when the flag was not given.
func (m *moment) at(now time.Time) time.Time {
	switch {
	case m.text == "":
		return time.Time{}
	case m.when.IsZero():
		return now.Add(-m.ago)
	default:
		return m.when
	}
}

// oneOf is a flag that takes one of some words.
type oneOf struct {
	value string
	words []string
	what  string // the thing that has these words, for the error
}

func newFormat(words ...string) *oneOf {
	return &oneOf{value: words[0], words: words, what: "output format"}
}

// Set implements pflag.Value.
func (o *oneOf) Set(text string) error {
	if !slices.Contains(o.words, text) {
		return unexpectedError{fmt.Errorf("unexpected %s %s, use one of (%s)", o.what, text, strings.Join(o.words, ", "))}
	}
	o.value = text
	return nil
}

// String implements pflag.Value.
func (o *oneOf) String() string { return o.value }

// Type implements pflag.Value.
func (o *oneOf) Type() string { return strings.Join(o.words, "|") }

// unexpectedError is a word that a flag does not know. Its text is the whole message, as scripts expect it.
type unexpectedError struct{ error }

// Unwrap returns the error itself.
func (u unexpectedError) Unwrap() error { return u.error }
