// Package e2e tells the whole story on a real cluster: Portolan from its own manifests and image, real pods, real packets,
// real refusals. Its tests are built with the tag e2e and run by "make e2e".
//
// It must not import anything that it tests: it sees what a person sees with kubectl and portolan.
package e2e
