// Encodes and decodes release records with Helm's own storage driver, for the tests of helm-release.
//
//	oracle encode < release.json > secret.json    the Secret that Helm stores
//	oracle decode < secret.json  > release.json   the release that Helm reads
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	rspb "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typed "k8s.io/client-go/kubernetes/typed/core/v1"
)

// secrets keeps one Secret in memory.
type secrets struct {
	typed.SecretInterface
	one *corev1.Secret
}

func (s *secrets) Create(_ context.Context, secret *corev1.Secret, _ metav1.CreateOptions) (*corev1.Secret, error) {
	s.one = secret
	return secret, nil
}

func (s *secrets) Get(context.Context, string, metav1.GetOptions) (*corev1.Secret, error) {
	return s.one, nil
}

func run(mode string, input []byte) (any, error) {
	store := &secrets{one: &corev1.Secret{}}
	switch mode {
	case "encode":
		var release rspb.Release
		if err := json.Unmarshal(input, &release); err != nil {
			return nil, err
		}
		release.Labels = map[string]string{"team": "a"}
		key := fmt.Sprintf("sh.helm.release.v1.%s.v%d", release.Name, release.Version)
		err := driver.NewSecrets(store).Create(key, &release)
		return store.one, err
	case "decode":
		if err := json.Unmarshal(input, store.one); err != nil {
			return nil, err
		}
		return driver.NewSecrets(store).Get(store.one.Name)
	}
	return nil, fmt.Errorf("usage: oracle encode|decode")
}

func main() {
	input, err := io.ReadAll(os.Stdin)
	if err == nil && len(os.Args) == 2 {
		var output any
		if output, err = run(os.Args[1], input); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(output)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
