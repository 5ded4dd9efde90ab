package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/portolan-io/portolan/internal/testkit"
	"github.com/portolan-io/portolan/internal/wire"
)

const name = "portolan-operator.default.svc"

func keeper(t *testing.T, client kubernetes.Interface, now time.Time) *Keeper {
	t.Helper()
	return &Keeper{
		Secrets: client.CoreV1().Secrets("default"), ConfigMaps: client.CoreV1().ConfigMaps("default"),
		Names: []string{name}, Serving: &wire.Serving{}, Now: func() time.Time { return now },
	}
}

// TestKeeper follows one authority through its life on a real API server:
//
//	first start ── restart ── serving certificate ages ── authority ages ── an hour later
//	  a1 s1         a1 s1            a1 s2                  a2 s2              a2 s3
func TestKeeper(t *testing.T) {
	client, err := kubernetes.NewForConfig(testkit.ControlPlane(t))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	look := func(after time.Duration) (authority, serving, bundle []byte) {
		t.Helper()
		k := keeper(t, client, start.Add(after))
		if err := k.Refresh(t.Context()); err != nil {
			t.Fatalf("Refresh after %s: %v", after, err)
		}
		if !k.Serving.Ready() {
			t.Fatalf("no certificate is served after %s", after)
		}
		secret, err := k.Secrets.Get(t.Context(), SecretName, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		published, err := k.ConfigMaps.Get(t.Context(), ConfigMapName, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return secret.Data[keyAuthorityCert], secret.Data[keyServingCert], []byte(published.Data[keyAuthorityCert])
	}

	const year = 365 * 24 * time.Hour
	a1, s1, bundle := look(0)
	verify(t, s1, bundle, start)
	if again, serving, _ := look(time.Minute); !bytes.Equal(again, a1) || !bytes.Equal(serving, s1) {
		t.Error("a restart must find what the first start made")
	}
	same, s2, bundle := look(year * 3 / 4)
	if !bytes.Equal(same, a1) || bytes.Equal(s2, s1) {
		t.Error("an aging serving certificate must be made anew by the same authority")
	}
	verify(t, s2, bundle, start.Add(year*3/4))

	const aged = 20*year/3 + 24*time.Hour // less than a third of ten years is left
	_, fresh, _ := look(aged - 30*24*time.Hour)
	a2, kept, bundle := look(aged)
	if bytes.Equal(a2, a1) || !bytes.Equal(kept, fresh) {
		t.Error("an aging authority must be made anew, and the old serving certificate be shown until agents trust it")
	}
	verify(t, kept, bundle, start.Add(aged))
	a3, s3, bundle := look(aged + checkEvery)
	if !bytes.Equal(a3, a2) || bytes.Equal(s3, kept) {
		t.Error("at the next look the new authority must sign the serving certificate")
	}
	verify(t, s3, bundle, start.Add(aged+checkEvery))
}

func TestKeeperReplacesWhatItCannotRead(t *testing.T) {
	client, err := kubernetes.NewForConfig(testkit.ControlPlane(t))
	if err != nil {
		t.Fatal(err)
	}
	k := keeper(t, client, time.Now())
	if err := k.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	secret, err := k.Secrets.Get(t.Context(), SecretName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	secret.Data[keyAuthorityKey] = []byte("not a key")
	if _, err := k.Secrets.Update(t.Context(), secret, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := k.Refresh(t.Context()); err != nil {
		t.Fatalf("Refresh of a broken Secret: %v", err)
	}
}

// verify fails unless an agent that trusts bundle accepts the serving certificate.
func verify(t *testing.T, serving, bundle []byte, now time.Time) {
	t.Helper()
	block, _ := pem.Decode(serving)
	if block == nil {
		t.Fatal("the serving certificate is not PEM")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	if _, err := certificate.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: now}); err != nil {
		t.Errorf("an agent refuses the serving certificate: %v", err)
	}
}
