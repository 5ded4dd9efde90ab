package wire

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// NewServer returns a server for agents with every time-out set. It speaks TLS 1.2 or higher with the certificate that
// serving holds at the moment, and HTTP/1.1 and HTTP/2. Start it with ServeTLS(listener, "", "").
func NewServer(handler http.Handler, serving *Serving, log *slog.Logger) *http.Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &http.Server{
		Handler:           handler,
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: serving.get},
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// Serving holds the certificate that a server shows. It can be replaced while the server runs. The zero value holds
// none, and every handshake fails until Set. It is safe for concurrent use.
type Serving struct {
	certificate atomic.Pointer[tls.Certificate]
}

// Set replaces the certificate for all later handshakes. On an error the old one stays.
func (s *Serving) Set(certPEM, keyPEM []byte) error {
	certificate, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return err
	}
	s.certificate.Store(&certificate)
	return nil
}

// Ready reports whether there is a certificate.
func (s *Serving) Ready() bool { return s.certificate.Load() != nil }

func (s *Serving) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if certificate := s.certificate.Load(); certificate != nil {
		return certificate, nil
	}
	return nil, errors.New("there is no serving certificate yet")
}
