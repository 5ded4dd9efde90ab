package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/hack/localcluster/internal/pki"
)

func TestServerAndClientTrustEachOther(t *testing.T) {
	authority := newAuthority(t)
	server := issue(t, authority, pki.Subject{User: "server", Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}})
	client := issue(t, authority, pki.Subject{User: "admin", Groups: []string{"system:masters"}})
	if got := handshake(t, authority, server, client); got.Subject.CommonName != "admin" || got.Subject.Organization[0] != "system:masters" {
		t.Errorf("the server sees %s, want admin of system:masters", got.Subject)
	}
}

func TestClientCertificateDoesNotServe(t *testing.T) {
	client := parse(t, issue(t, newAuthority(t), pki.Subject{User: "admin"}))
	for _, usage := range client.ExtKeyUsage {
		if usage == x509.ExtKeyUsageServerAuth {
			t.Error("a subject without names may serve")
		}
	}
}

func TestCertificatesOfAnotherAuthorityAreRefused(t *testing.T) {
	mine, other := newAuthority(t), newAuthority(t)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(mine.Pair().Certificate)
	stranger := parse(t, issue(t, other, pki.Subject{User: "admin"}))
	if _, err := stranger.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err == nil {
		t.Error("a certificate of another authority is accepted")
	}
}

func TestParseAuthorityRefuses(t *testing.T) {
	a, b := newAuthority(t).Pair(), newAuthority(t).Pair()
	for name, tc := range map[string]struct {
		pair pki.Pair
		want string
	}{
		"nothing":                {pki.Pair{}, "not PEM"},
		"a key of somebody else": {pki.Pair{Certificate: a.Certificate, Key: b.Key}, "does not belong"},
		"a key as certificate":   {pki.Pair{Certificate: a.Key, Key: a.Key}, "reading the certificate"},
		"a certificate as key":   {pki.Pair{Certificate: a.Certificate, Key: a.Certificate}, "reading the key"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := pki.ParseAuthority(tc.pair); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("ParseAuthority = %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestSigningKeyIsAPair(t *testing.T) {
	pair, err := pki.SigningKey()
	if err != nil {
		t.Fatal(err)
	}
	public, _ := pem.Decode(pair.Certificate)
	private, _ := pem.Decode(pair.Key)
	if public == nil || public.Type != "PUBLIC KEY" || private == nil || private.Type != "PRIVATE KEY" {
		t.Errorf("SigningKey = %s%s", pair.Certificate, pair.Key)
	}
}

// handshake connects the two and returns the certificate that the server sees.
func handshake(t *testing.T, authority *pki.Authority, server, client pki.Pair) *x509.Certificate {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.Pair().Certificate)
	near, far := net.Pipe()
	accepted := tls.Server(far, &tls.Config{
		Certificates: []tls.Certificate{keyPair(t, server)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots, MinVersion: tls.VersionTLS13,
	})
	calling := tls.Client(near, &tls.Config{
		Certificates: []tls.Certificate{keyPair(t, client)}, RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13,
	})
	done := make(chan error, 1)
	go func() { done <- calling.HandshakeContext(t.Context()) }()
	if err := accepted.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return accepted.ConnectionState().PeerCertificates[0]
}

func newAuthority(t *testing.T) *pki.Authority {
	t.Helper()
	authority, err := pki.NewAuthority("test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

func issue(t *testing.T, authority *pki.Authority, s pki.Subject) pki.Pair {
	t.Helper()
	pair, err := authority.Issue(s, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func keyPair(t *testing.T, pair pki.Pair) tls.Certificate {
	t.Helper()
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func parse(t *testing.T, pair pki.Pair) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(pair.Certificate)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}
