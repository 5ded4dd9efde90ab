package wire

import (
	"maps"
	"net/http"
	"strconv"
	"sync"

	"connectrpc.com/connect"
)

// answerWriter notes the status of an answer and gives "too large" the status that Connect has no code for.
type answerWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *answerWriter) WriteHeader(status int) {
	if status == http.StatusBadRequest && w.Header().Get(limitHeader) != "" {
		status = http.StatusRequestEntityTooLarge
	}
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *answerWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap serves http.ResponseController.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// meaning returns the HTTP status of the answer; for gRPC, which always says 200, the status that means the same.
func (w *answerWriter) meaning() int {
	text := w.Header().Get("Grpc-Status")
	if text == "" {
		text = w.Header().Get(http.TrailerPrefix + "Grpc-Status")
	}
	code, err := strconv.ParseUint(text, 10, 8)
	if err != nil || code == 0 {
		return w.status
	}
	return statusOf(connect.Code(code))
}

// statusOf returns the HTTP status of the codes that this handler answers with.
func statusOf(code connect.Code) int {
	switch code { //nolint:exhaustive // the others are failures of the operator
	case connect.CodeInvalidArgument:
		return http.StatusBadRequest
	case connect.CodeUnauthenticated:
		return http.StatusUnauthorized
	case connect.CodePermissionDenied:
		return http.StatusForbidden
	case connect.CodeOutOfRange:
		return http.StatusRequestEntityTooLarge
	case connect.CodeResourceExhausted:
		return http.StatusTooManyRequests
	case connect.CodeUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// answers counts answers by HTTP status. It is safe for concurrent use; the zero value is ready.
type answers struct {
	mu       sync.Mutex
	byStatus map[int]uint64
}

func (a *answers) add(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byStatus == nil {
		a.byStatus = make(map[int]uint64)
	}
	a.byStatus[status]++
}

func (a *answers) snapshot() map[int]uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.byStatus)
}
