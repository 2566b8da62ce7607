package auth_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"entrepot/auth"
)

func TestSecretsHideThemselves(t *testing.T) {
	const text = "hunter2-hunter2"
	s := auth.NewSecret(text)
	type config struct {
		Shown  auth.Secret
		hidden auth.Secret
		list   []auth.Secret
	}
	c := config{s, s, []auth.Secret{s}}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p"} {
		for _, v := range []any{s, &s, c, &c, c.list, map[string]auth.Secret{"k": s}, fmt.Errorf("in: %v", s)} {
			_, _ = fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("m", "secret", s, "config", c, "pointer", &c, slog.Group("g", "s", &s))
	}
	j, err := json.Marshal(map[string]any{"s": s, "c": c})
	if err != nil {
		t.Fatal(err)
	}
	all := out.String() + log.String() + string(j)
	for _, leak := range []string{text, "hunter", fmt.Sprintf("%x", text), fmt.Sprintf("%X", text)} {
		if strings.Contains(all, leak) {
			t.Errorf("%q shows in\n%s", leak, all)
		}
	}
	if !strings.Contains(string(j), `"Shown":"[secret]"`) {
		t.Errorf("json %s", j)
	}
	if s.Reveal() != text || s.Empty() || !(auth.Secret{}).Empty() || !auth.NewSecret("").Empty() {
		t.Error("the secret itself is lost")
	}
}

func TestSecretsCompareByText(t *testing.T) {
	a, b := auth.NewSecret("same"), auth.NewSecret("same")
	if !a.Equal(b) || a.Equal(auth.NewSecret("sam")) || a.Equal(auth.Secret{}) || !(auth.Secret{}).Equal(auth.NewSecret("")) {
		t.Error("Equal is wrong")
	}
}
