package query

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// What a token may say before nobody looks at it any more.
const (
	maxTokenLength = 16 << 10
	maxAudiences   = 8
)

// audiencesOf returns whom a ServiceAccount token says it is made for, at most maxAudiences; none for what is no such
// token. Nothing of it is verified. Source: RFC 7519 section 4.1.3, which allows one text or a list of them.
func audiencesOf(token string) []string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > maxTokenLength {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	var claims struct {
		Audience json.RawMessage `json:"aud"`
	}
	if err := json.Unmarshal(text, &claims); err != nil {
		return nil
	}
	var one string
	if err := json.Unmarshal(claims.Audience, &one); err == nil && one != "" {
		return []string{one}
	}
	var several []string
	if err := json.Unmarshal(claims.Audience, &several); err != nil {
		return nil
	}
	return several[:min(len(several), maxAudiences)]
}
