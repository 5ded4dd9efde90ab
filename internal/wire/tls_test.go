package wire

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"
)

func TestAnAuthorityComesBackFromPEM(t *testing.T) {
	authority := must(NewAuthority(nine))(t)
	pair := must(authority.PEM())(t)
	again := must(LoadAuthority(pair))(t)
	if !again.certificate.Equal(authority.certificate) || !again.key.Equal(authority.key) {
		t.Error("the authority changed on its way through PEM")
	}
	other := must(must(NewAuthority(nine))(t).PEM())(t)
	serving := must(authority.Issue([]string{"a"}, nine))(t)
	for name, bad := range map[string]KeyPair{
		"no certificate":           {Key: pair.Key},
		"no key":                   {Cert: pair.Cert},
		"the key of another":       {Cert: pair.Cert, Key: other.Key},
		"a serving certificate":    serving,
		"key and certificate swap": {Cert: pair.Key, Key: pair.Cert},
	} {
		if _, err := LoadAuthority(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestCertificatesAreRenewedInTheirLastThird(t *testing.T) {
	authority := must(NewAuthority(nine))(t)
	names := []string{serverName, "127.0.0.1"}
	pair := must(authority.Issue(names, nine))(t)
	month := 30 * 24 * time.Hour
	for name, tc := range map[string]struct {
		names []string
		at    time.Time
		want  bool
	}{
		"a new one serves":                      {names, nine, true},
		"after seven months it serves":          {names, nine.Add(7 * month), true},
		"after nine months it does not":         {names, nine.Add(9 * month), false},
		"a name it does not have needs another": {[]string{serverName, "extra"}, nine, false},
	} {
		if got := authority.Serves(pair, tc.names, tc.at); got != tc.want {
			t.Errorf("%s: Serves = %t, want %t", name, got, tc.want)
		}
	}
	if must(NewAuthority(nine))(t).Serves(pair, names, nine) {
		t.Error("the certificate of another authority serves")
	}
	if authority.Serves(KeyPair{Cert: pair.Cert}, names, nine) || authority.Serves(KeyPair{}, names, nine) {
		t.Error("a certificate without its key serves")
	}
	if authority.NeedsRenewal(nine.Add(6*12*month)) || !authority.NeedsRenewal(nine.Add(7*12*month)) {
		t.Error("want the authority renewed after two thirds of ten years")
	}
	if _, err := authority.Issue(nil, nine); err == nil {
		t.Error("issued a certificate for nobody")
	}
}

func TestABundleHoldsTheNewestAndThoseStillValid(t *testing.T) {
	first, second := must(NewAuthority(nine.Add(-9*365*24*time.Hour)))(t), must(NewAuthority(nine))(t)
	bundle := second.Bundle(append(first.Bundle(nil, nine), second.Bundle(nil, nine)...), nine)
	if got := subjects(bundle); len(got) != 2 || !got[0].Equal(second.certificate) || !got[1].Equal(first.certificate) {
		t.Errorf("the bundle has %d certificates, want the second and the first", len(got))
	}
	if got := subjects(second.Bundle(bundle, nine.Add(2*365*24*time.Hour))); len(got) != 1 {
		t.Errorf("the bundle has %d certificates after the first is out of date, want 1", len(got))
	}
	if got := second.Bundle([]byte("rubbish"), nine); !bytes.Equal(got, second.Bundle(nil, nine)) {
		t.Error("rubbish in the former bundle changed the new one")
	}
}

func subjects(bundle []byte) (list []*x509.Certificate) {
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
			list = append(list, certificate)
		}
	}
	return list
}

func TestAServerWithoutCertificateIsNotReady(t *testing.T) {
	var serving Serving
	if serving.Ready() {
		t.Error("ready without a certificate")
	}
	if _, err := serving.get(nil); err == nil {
		t.Error("a handshake without a certificate succeeds")
	}
	if err := serving.Set([]byte("x"), []byte("y")); err == nil || serving.Ready() {
		t.Error("rubbish was taken for a certificate")
	}
}
