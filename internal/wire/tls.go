package wire

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"time"
)

// How long certificates live. Each is renewed when a third of its life is left.
const (
	authorityLife = 10 * 365 * 24 * time.Hour
	servingLife   = 365 * 24 * time.Hour
	clockMargin   = 5 * time.Minute // a certificate is valid a little before it is made; clocks differ
)

// maxTrusted is how many authorities a bundle holds: the present one and, while agents pick it up, those before it.
const maxTrusted = 3

// Authority is Portolan's own certificate authority: an ECDSA P-256 key and its certificate, for the operator's serving
// certificate and nothing else. It is immutable. Storing it is the caller's work.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// KeyPair is a certificate and its key, both PEM.
type KeyPair struct {
	Cert []byte
	Key  []byte
}

// NewAuthority makes a new authority that is valid for ten years from now. It fails only if randomness does.
func NewAuthority(now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a CA key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "Portolan CA"},
		NotBefore:             now.Add(-clockMargin),
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making a CA certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("making a CA certificate: %w", err)
	}
	return &Authority{certificate: certificate, key: key}, nil
}

// LoadAuthority reads what Authority.PEM wrote. The error says which part does not fit.
func LoadAuthority(pair KeyPair) (*Authority, error) {
	certificate, err := firstCertificate(pair.Cert)
	if err != nil {
		return nil, fmt.Errorf("reading the CA certificate: %w", err)
	}
	if !certificate.IsCA {
		return nil, errors.New("reading the CA certificate: it is not one of an authority")
	}
	key, err := readKey(pair.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the CA key: %w", err)
	}
	if !key.PublicKey.Equal(certificate.PublicKey) {
		return nil, errors.New("reading the CA: key and certificate do not belong together")
	}
	return &Authority{certificate: certificate, key: key}, nil
}

// PEM returns certificate and key in the form that LoadAuthority reads. The key is PKCS #8.
func (a *Authority) PEM() (KeyPair, error) {
	return encodePair(a.certificate.Raw, a.key)
}

// NeedsRenewal reports whether less than a third of the authority's life is left.
func (a *Authority) NeedsRenewal(now time.Time) bool {
	return old(a.certificate, now)
}

// Issue makes a serving certificate for names, which are DNS names or IP addresses and at least one, valid for a year
// from now, but never longer than the authority.
func (a *Authority) Issue(names []string, now time.Time) (KeyPair, error) {
	if len(names) == 0 {
		return KeyPair{}, errors.New("issuing a certificate: want at least one name")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return KeyPair{}, fmt.Errorf("making a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: "portolan-operator"},
		NotBefore:    now.Add(-clockMargin),
		NotAfter:     earlier(now.Add(servingLife), a.certificate.NotAfter),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return KeyPair{}, fmt.Errorf("issuing a certificate for %q: %w", names, err)
	}
	return encodePair(der, key)
}

// Serves reports whether pair is a certificate of this authority for all of names with at least a third of its life
// left. If not, Issue a new one.
func (a *Authority) Serves(pair KeyPair, names []string, now time.Time) bool {
	certificate, err := firstCertificate(pair.Cert)
	if err != nil || certificate.CheckSignatureFrom(a.certificate) != nil || old(certificate, now) {
		return false
	}
	key, err := readKey(pair.Key)
	if err != nil || !key.PublicKey.Equal(certificate.PublicKey) {
		return false
	}
	return !slices.ContainsFunc(names, func(name string) bool { return certificate.VerifyHostname(name) != nil })
}

// Bundle returns what agents should trust: this authority first, then those of former, a bundle of before, that are
// still valid, three in all. Agents thus accept the old serving certificate until the new one is shown. Bad entries of
// former are left out.
func (a *Authority) Bundle(former []byte, now time.Time) []byte {
	trusted := [][]byte{a.certificate.Raw}
	for block, rest := pem.Decode(former); block != nil && len(trusted) < maxTrusted; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil || now.After(certificate.NotAfter) || contains(trusted, certificate.Raw) {
			continue
		}
		trusted = append(trusted, certificate.Raw)
	}
	var bundle []byte
	for _, der := range trusted {
		bundle = append(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return bundle
}

func contains(list [][]byte, der []byte) bool {
	return slices.ContainsFunc(list, func(have []byte) bool { return bytes.Equal(have, der) })
}

func old(certificate *x509.Certificate, now time.Time) bool {
	life := certificate.NotAfter.Sub(certificate.NotBefore)
	return certificate.NotAfter.Sub(now) < life/3
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// serial returns a random positive serial number of 127 bits (RFC 5280 section 4.1.2.2 allows 159).
func serial() *big.Int {
	var b [16]byte
	rand.Read(b[:])
	b[0] &= 0x7f
	b[15] |= 1
	return new(big.Int).SetBytes(b[:])
}

func encodePair(der []byte, key *ecdsa.PrivateKey) (KeyPair, error) {
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return KeyPair{}, fmt.Errorf("encoding a key: %w", err)
	}
	return KeyPair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}),
	}, nil
}

func firstCertificate(encoded []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(encoded)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("want a PEM block CERTIFICATE")
	}
	return x509.ParseCertificate(block.Bytes)
}

func readKey(encoded []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(encoded)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("want a PEM block PRIVATE KEY")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("want an ECDSA key, not %T", key)
	}
	return ec, nil
}
