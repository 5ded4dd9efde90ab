package wire

import (
	"crypto/tls"
	"errors"
	"net/http"
)

// Failure says why an attempt to tell the operator something failed.
type Failure string

// The failures, as metrics name them.
const (
	Unreachable   Failure = "unreachable"    // no answer, or none of an operator
	Untrusted     Failure = "untrusted"      // the operator's certificate is not what the CA file and the name ask for
	NoCredentials Failure = "no-credentials" // the agent's own token or CA file cannot be read
	Unauthorized  Failure = "unauthorized"   // 401 or 403: the operator does not take the token
	Unavailable   Failure = "unavailable"    // 408, 429 or 5xx: the operator is busy or unwell
	Refused       Failure = "refused"        // any other answer: the operator will never take this request
)

// Failures returns every failure, in a fixed order.
func Failures() []Failure {
	return []Failure{Unreachable, Untrusted, NoCredentials, Unauthorized, Unavailable, Refused}
}

// credentialsError is a token or CA file that cannot be used.
type credentialsError struct{ error }

// Unwrap returns the error itself.
func (c credentialsError) Unwrap() error { return c.error }

// failureOf sorts the error of a Courier.
func failureOf(err error) Failure {
	if answer, answered := errors.AsType[*AnswerError](err); answered {
		return failureOfStatus(answer.Status)
	}
	if _, unread := errors.AsType[credentialsError](err); unread {
		return NoCredentials
	}
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
		return Untrusted
	}
	return Unreachable
}

func failureOfStatus(status int) Failure {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return Unauthorized
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return Unavailable
	}
	if status >= http.StatusInternalServerError {
		return Unavailable
	}
	return Refused
}
