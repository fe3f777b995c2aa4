// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"rk3k.test/standin/internal/pki"
	"rk3k.test/standin/internal/supervisor"
)

// bootstrap fetches the authorities from server 0 and keeps them in the bootstrap Secret. The API must
// answer through the Service.
func (c *controller) bootstrap(ctx context.Context, cl *cluster, clusterIP, token string) (*supervisor.Bootstrap, error) {
	first, err := c.kube.CoreV1().Pods(cl.Namespace).Get(ctx, cl.name("server")+"-0", metav1.GetOptions{})
	if apierrors.IsNotFound(err) || (err == nil && first.Status.PodIP == "") {
		return nil, errNotReady
	} else if err != nil {
		return nil, err
	}
	if c.version.asksConfig() {
		if err := supervisor.ClusterInit(ctx, first.Status.PodIP, token); err != nil && !errors.Is(err, supervisor.ErrUnauthorized) {
			return nil, errNotReady
		}
	}
	data, err := supervisor.Fetch(ctx, first.Status.PodIP, token)
	if errors.Is(err, supervisor.ErrUnauthorized) {
		return nil, fmt.Errorf("failed to get bootstrap: %w", err)
	} else if err != nil {
		return nil, errNotReady
	}
	boot := &supervisor.Bootstrap{}
	if err := json.Unmarshal(data, boot); err != nil {
		return nil, err
	}
	if err := readyz(ctx, clusterIP, boot.ServerCA.Content); err != nil {
		return nil, errNotReady
	}
	_, err = c.secretSet(ctx, cl, cl.name("bootstrap"), "bootstrap", data)
	return boot, err
}

// leadOthers gives servers 1..n the address to relay to; it reports whether one does not know it yet.
func (c *controller) leadOthers(ctx context.Context, cl *cluster, token string) (bool, error) {
	list, err := c.kube.CoreV1().Pods(cl.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "role=server,cluster=" + cl.Name})
	if err != nil {
		return false, err
	}
	first, waiting := "", false
	for _, p := range list.Items {
		if p.Name == cl.name("server")+"-0" {
			first = p.Status.PodIP
		}
	}
	for _, p := range list.Items {
		if first != "" && p.Status.PodIP != "" && p.Status.PodIP != first && p.DeletionTimestamp == nil {
			waiting = supervisor.Lead(ctx, p.Status.PodIP, token, first) != nil || waiting
		}
	}
	return waiting, nil
}

// readyz asks the API through the Service, whose endpoints appear when a pod is Ready.
func readyz(ctx context.Context, host, ca string) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(ca))
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("readyz: %s", resp.Status)
	}
	return nil
}

// kubeconfig writes the Secret anew, with a new certificate. After its first write the real
// controller reads it through a cache that has not caught up, and passes through Failed.
func (c *controller) kubeconfig(ctx context.Context, cl *cluster, svc *corev1.Service, boot *supervisor.Bootstrap) error {
	ca, err := pki.Parse([]byte(boot.ClientCA.Content), []byte(boot.ClientCAKey.Content))
	if err != nil {
		return err
	}
	admin, err := ca.Client("system:admin", "system:masters")
	if err != nil {
		return err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["default"] = &clientcmdapi.Cluster{
		Server: cl.serverURL(svc), CertificateAuthorityData: []byte(boot.ServerCA.Content)}
	config.AuthInfos["default"] = &clientcmdapi.AuthInfo{
		ClientCertificateData: append(admin.CertPEM(), ca.CertPEM()...), ClientKeyData: admin.KeyPEM()}
	config.Contexts["default"] = &clientcmdapi.Context{Cluster: "default", AuthInfo: "default"}
	config.CurrentContext = "default"
	text, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	isNew, err := c.secretSet(ctx, cl, cl.name("kubeconfig"), "kubeconfig.yaml", text)
	if err == nil && isNew {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "Secret"}, cl.name("kubeconfig"))
	}
	return err
}
