package controllers

import (
	"context"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// resource is one kind of object at the API server.
type resource struct {
	api     rest.Interface // of its group and version
	kind    string
	plural  string
	metrics *metrics
}

// application is one server-side apply: one PATCH request.
type application struct {
	name        types.NamespacedName
	subresource string
	manager     string
	force       bool
	body        []byte
}

// apply sends the request and decodes the answer, which is the object as it then is. created says that there was none
// before: the API server answers 201 instead of 200.
func (r resource) apply(ctx context.Context, a application, answer runtime.Object) (created bool, err error) {
	options := metav1.PatchOptions{FieldManager: a.manager, Force: &a.force}
	var status int
	request := r.api.Patch(types.ApplyYAMLPatchType).Namespace(a.name.Namespace).Resource(r.plural).Name(a.name.Name).
		VersionedParams(&options, metav1.ParameterCodec).Body(a.body)
	if a.subresource != "" {
		request = request.SubResource(a.subresource)
	}
	err = request.Do(ctx).StatusCode(&status).Into(answer)
	r.metrics.sent(r.kind, "patch", err)
	return status == http.StatusCreated, err
}

// merge sends a merge patch of the status: the one write that the API server may still take for an object which it cannot
// read by its schema.
func (r resource) merge(ctx context.Context, name types.NamespacedName, manager string, body []byte) error {
	options := metav1.PatchOptions{FieldManager: manager}
	err := r.api.Patch(types.MergePatchType).Namespace(name.Namespace).Resource(r.plural).Name(name.Name).SubResource("status").
		VersionedParams(&options, metav1.ParameterCodec).Body(body).Do(ctx).Error()
	r.metrics.sent(r.kind, "patch", err)
	return err
}

// remove deletes the very object that is given: another one of the same name is left alone.
func (r resource) remove(ctx context.Context, object client.Object) error {
	options := metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(object.GetUID()))}
	err := r.api.Delete().Namespace(object.GetNamespace()).Resource(r.plural).Name(object.GetName()).
		Body(&options).Do(ctx).Error()
	r.metrics.sent(r.kind, "delete", err)
	return err
}
