// Package trust keeps the operator's certificate authority in the cluster: the authority and the serving certificate in a
// Secret of the operator's namespace, and the authority's certificate in a ConfigMap that agents mount.
//
// It must not serve or check anything itself, and it reads and writes these two objects by name only.
package trust

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/portolan-io/portolan/internal/wire"
)

// The objects and their keys.
const (
	SecretName    = "portolan-tls"
	ConfigMapName = "portolan-ca"

	keyAuthorityCert = "ca.crt"
	keyAuthorityKey  = "ca.key"
	keyServingCert   = corev1.TLSCertKey
	keyServingKey    = corev1.TLSPrivateKeyKey
)

// Keeper makes, renews and publishes certificates. All fields but Log are required.
type Keeper struct {
	Secrets    typedcorev1.SecretInterface    // of the operator's namespace
	ConfigMaps typedcorev1.ConfigMapInterface // of the agents' namespace
	Names      []string                       // DNS names of the operator's Service
	Serving    *wire.Serving                  // receives the certificate
	Now        func() time.Time
	Log        *slog.Logger // nil discards
}

// checkEvery is the time between two looks at the certificates. A new authority is published this long before the first
// certificate that it signs is shown, so that every agent has it by then.
const checkEvery = time.Hour

// writeAttempts is how often a write is tried again after somebody else wrote first.
const writeAttempts = 5

// Run keeps the certificates fresh until ctx ends. The first look must succeed; later failures are logged and tried again.
func (k *Keeper) Run(ctx context.Context) error {
	if err := k.Refresh(ctx); err != nil {
		return err
	}
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := k.Refresh(ctx); err != nil && ctx.Err() == nil && k.Log != nil {
			k.Log.Error("the certificates could not be checked; trying again", "in", checkEvery, "error", err)
		}
	}
}

// Refresh brings the Secret, the ConfigMap and Serving to what they should be now.
func (k *Keeper) Refresh(ctx context.Context) error {
	secret, err := k.refreshSecret(ctx)
	if err != nil {
		return fmt.Errorf("keeping the Secret %s: %w", SecretName, err)
	}
	authority, err := wire.LoadAuthority(authorityPair(secret))
	if err != nil {
		return fmt.Errorf("reading the Secret %s: %w", SecretName, err)
	}
	if err := k.publish(ctx, authority); err != nil {
		return fmt.Errorf("publishing the authority in the ConfigMap %s: %w", ConfigMapName, err)
	}
	return k.Serving.Set(secret.Data[keyServingCert], secret.Data[keyServingKey])
}

func (k *Keeper) refreshSecret(ctx context.Context) (*corev1.Secret, error) {
	return settle(func() (*corev1.Secret, error) {
		secret, err := k.Secrets.Get(ctx, SecretName, metav1.GetOptions{})
		missing := apierrors.IsNotFound(err)
		if missing {
			secret = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: SecretName}, Type: corev1.SecretTypeTLS}
		} else if err != nil {
			return nil, err
		}
		data, changed, err := k.renew(secret)
		switch {
		case err != nil || !changed:
			return secret, err
		case missing:
			secret.Data = data
			return k.Secrets.Create(ctx, secret, metav1.CreateOptions{})
		default:
			secret.Data = data
			return k.Secrets.Update(ctx, secret, metav1.UpdateOptions{})
		}
	})
}

// renew returns the data that the Secret should hold now. A broken or missing authority is made anew with its serving
// certificate. An authority near its end is made anew first, and the serving certificate at a later look.
func (k *Keeper) renew(secret *corev1.Secret) (data map[string][]byte, changed bool, err error) {
	now := k.Now()
	serving := wire.KeyPair{Cert: secret.Data[keyServingCert], Key: secret.Data[keyServingKey]}
	authority, err := wire.LoadAuthority(authorityPair(secret))
	aging := err == nil && authority.NeedsRenewal(now)
	if err == nil && !aging && authority.Serves(serving, k.Names, now) {
		return secret.Data, false, nil
	}
	if err != nil || aging {
		if authority, err = wire.NewAuthority(now); err != nil {
			return nil, false, err
		}
	}
	if !aging {
		if serving, err = authority.Issue(k.Names, now); err != nil {
			return nil, false, err
		}
	}
	own, err := authority.PEM()
	return map[string][]byte{
		keyAuthorityCert: own.Cert, keyAuthorityKey: own.Key, keyServingCert: serving.Cert, keyServingKey: serving.Key,
	}, true, err
}

func authorityPair(secret *corev1.Secret) wire.KeyPair {
	return wire.KeyPair{Cert: secret.Data[keyAuthorityCert], Key: secret.Data[keyAuthorityKey]}
}

// publish adds the authority to what agents trust.
func (k *Keeper) publish(ctx context.Context, authority *wire.Authority) error {
	_, err := settle(func() (*corev1.ConfigMap, error) {
		published, err := k.ConfigMaps.Get(ctx, ConfigMapName, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			bundle := string(authority.Bundle(nil, k.Now()))
			return k.ConfigMaps.Create(ctx, &corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Name: ConfigMapName}, Data: map[string]string{keyAuthorityCert: bundle},
			}, metav1.CreateOptions{})
		}
		if err != nil {
			return nil, err
		}
		former := published.Data[keyAuthorityCert]
		bundle := string(authority.Bundle([]byte(former), k.Now()))
		if bundle == former {
			return published, nil
		}
		published.Data = map[string]string{keyAuthorityCert: bundle}
		return k.ConfigMaps.Update(ctx, published, metav1.UpdateOptions{})
	})
	return err
}

// settle repeats a read and write while somebody else wrote in between.
func settle[T any](write func() (T, error)) (T, error) {
	var object T
	var failed error
	for range writeAttempts {
		var err error
		if object, err = write(); err == nil {
			return object, nil
		}
		failed = errors.Join(failed, err)
		if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			break
		}
	}
	return object, failed
}
