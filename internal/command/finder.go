package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/portolan-io/portolan/internal/query"
)

// finder finds the operator in a cluster and reaches it.
type finder struct {
	config             *rest.Config
	clients            kubernetes.Interface
	context            string // name of the kubeconfig's context, for people
	namespace, service string // empty means discover
	port               int
	sign               signature // nil where the operator need not know who asks
}

func newFinder(config *rest.Config, contextName string, c *connection) (*finder, error) {
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("preparing the API client: %w", err)
	}
	return &finder{
		config: config, clients: clients, context: contextName,
		namespace: c.namespace, service: c.service, port: c.port,
	}, nil
}

// Where the operator is unless it says otherwise, and how its Service is labelled.
const (
	usualNamespace = "portolan-system"
	usualService   = "portolan-operator"
	serviceLabels  = "app.kubernetes.io/part-of=portolan,app.kubernetes.io/component=operator"
)

// maxTries is how many pods are tried.
const maxTries = 3

// ask calls q with the operator, through a tunnel to one of its pods. Where a tunnel fails the next pod is tried.
func (f *finder) ask(ctx context.Context, say sayf, q question) error {
	service, err := f.find(ctx)
	if err != nil {
		return err
	}
	pods, err := f.pods(ctx, service)
	if err != nil {
		return err
	}
	ready := oldestReady(pods)
	say("Service %s/%s has %d ready pods of %d", service.Namespace, service.Name, len(ready), len(pods))
	if len(ready) == 0 {
		return noReadyPod(service, pods)
	}
	var errs []error
	for _, pod := range ready[:min(len(ready), maxTries)] {
		err := f.askPod(ctx, pod, targetPort(service, pod, f.port), func(ctx context.Context, operator reached) error {
			say("a tunnel to pod %s/%s is open", pod.Namespace, pod.Name)
			operator.ready, operator.pods = len(ready), len(pods)
			return q(ctx, operator)
		})
		failed, isTunnel := errors.AsType[*tunnelError](err)
		if !isTunnel {
			return err
		}
		errs = append(errs, fmt.Errorf("pod %s/%s cannot be asked: %w", pod.Namespace, pod.Name, failed)) // without what net/http puts around it
	}
	return hinted{errors.Join(errs...), "the operator's --query-address has the port to name with --mapper-service-port; --debug says whom the command asks"}
}

func (f *finder) askPod(ctx context.Context, pod corev1.Pod, port int, q question) error {
	through, err := openTunnel(ctx, f.config, f.clients, pod, port)
	switch {
	case err != nil && f.mayNotForward(ctx, pod.Namespace):
		return f.forbidden(ctx, "create pods/portforward", pod.Namespace)
	case err != nil:
		return err
	}
	defer through.Close()
	http := through.httpClient()
	if f.sign != nil {
		if http.Transport, err = f.sign(http.Transport); err != nil {
			return err
		}
	}
	client := query.NewClient(http, "http://"+usualService, "")
	return q(ctx, reached{Client: client, cluster: f.clients})
}

// mayNotForward reports whether the API server says that this user lacks the right to forward ports. A refused upgrade
// of a connection carries its reason as text only.
func (f *finder) mayNotForward(ctx context.Context, namespace string) bool {
	review, err := f.clients.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: "create", Resource: "pods", Subresource: "portforward",
		}},
	}, metav1.CreateOptions{})
	return err == nil && !review.Status.Allowed
}

// find returns the operator's Service: the one that flags name, else the one that is labelled, else the usual one.
func (f *finder) find(ctx context.Context) (*corev1.Service, error) {
	if f.service == "" {
		labelled, err := f.clients.CoreV1().Services(f.namespace).List(ctx, metav1.ListOptions{LabelSelector: serviceLabels})
		switch {
		case apierrors.IsForbidden(err): // then only a Service whose name is known can be asked for
		case err != nil:
			return nil, f.unreachable(err)
		case len(labelled.Items) == 1:
			return &labelled.Items[0], nil
		case len(labelled.Items) > 1:
			return nil, f.several(labelled.Items)
		}
	}
	namespace, name := cmp.Or(f.namespace, usualNamespace), cmp.Or(f.service, usualService)
	service, err := f.clients.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, f.notInstalled(namespace, name)
	case apierrors.IsForbidden(err):
		return nil, f.forbidden(ctx, "get services", namespace)
	case err != nil:
		return nil, f.unreachable(err)
	}
	return service, nil
}

func (f *finder) several(services []corev1.Service) error {
	names := make([]string, 0, len(services))
	for _, s := range services {
		names = append(names, s.Namespace+"/"+s.Name)
	}
	slices.Sort(names)
	return hinted{
		fmt.Errorf("several Portolans found in context %q: %s", f.context, strings.Join(names, ", ")),
		"choose one with --mapper-namespace and --mapper-service-name",
	}
}

func (f *finder) notInstalled(namespace, name string) error {
	looked := namespace + "/" + name
	switch {
	case f.service != "":
		return fmt.Errorf("Portolan not found in context %q: no Service %s", f.context, looked) //nolint:staticcheck // begins with a name
	case f.namespace != "":
		looked = "no labelled Service in namespace " + f.namespace + ", no " + looked
	default:
		looked = "no labelled Service in any namespace, no " + looked
	}
	return hinted{
		fmt.Errorf("Portolan not found in context %q: %s", f.context, looked), //nolint:staticcheck // begins with a name
		`install it with "` + installing + `config/default", or name it with --mapper-namespace and --mapper-service-name`,
	}
}

// installing is how every hint and the README apply a folder of manifests.
const installing = "kubectl apply --server-side -k "

func (f *finder) unreachable(err error) error {
	return fmt.Errorf("cluster of context %q cannot be asked: %w", f.context, err)
}

// forbidden says who lacks which right. The API server knows the user's name; if it does not tell, nobody is named.
func (f *finder) forbidden(ctx context.Context, right, namespace string) error {
	who := "this user"
	review, err := f.clients.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err == nil && review.Status.UserInfo.Username != "" {
		who = fmt.Sprintf("user %q", review.Status.UserInfo.Username)
	}
	return hinted{
		fmt.Errorf("forbidden: %s may not %s in namespace %s", who, right, namespace),
		"bind Role portolan-cli to this user, or use --address",
	}
}

// pods returns the pods behind the Service.
func (f *finder) pods(ctx context.Context, service *corev1.Service) ([]corev1.Pod, error) {
	if len(service.Spec.Selector) == 0 {
		return nil, fmt.Errorf("%s/%s selects no pods: it is not the operator's Service", service.Namespace, service.Name)
	}
	list, err := f.clients.CoreV1().Pods(service.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: labels.Set(service.Spec.Selector).String(),
	})
	switch {
	case apierrors.IsForbidden(err):
		return nil, f.forbidden(ctx, "list pods", service.Namespace)
	case err != nil:
		return nil, f.unreachable(err)
	}
	return list.Items, nil
}
