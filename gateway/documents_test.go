package gateway_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// documentsOf makes documents with the secrets of the shared vector.
func documentsOf(t testing.TB, url, secret string) *gateway.Documents {
	t.Helper()
	seed, err := hex.DecodeString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
	if err != nil {
		t.Fatal(err)
	}
	d, err := gateway.NewDocuments(url, auth.NewSecret(secret), ed25519.NewKeyFromSeed(seed))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func vectorDocuments(t testing.TB) *gateway.Documents {
	return documentsOf(t, "https://gateway.example/", "vector-document-secret")
}

func vectorDepot() gateway.Depot {
	return gateway.Depot{ID: 17, Owner: "YourUserName", Epoch: 1, Created: time.Date(2014, 7, 25, 15, 6, 41, 0, time.UTC)}
}

func TestDocumentIsThatOfTheVector(t *testing.T) {
	const vectors = "../protocols/depot/testdata/vectors/depotdocument."
	want, err := os.ReadFile(vectors + "b64")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(vectors + "txt")
	if err != nil {
		t.Fatal(err)
	}
	got := vectorDocuments(t).Make(vectorDepot())
	if got != string(want) {
		t.Errorf("got %s", got)
	}
	if raw, err := base64.StdEncoding.DecodeString(got); err != nil || !bytes.Equal(raw, text) {
		t.Errorf("%s, %v", raw, err)
	}
	if _, kid := vectorDocuments(t).PublicKey(); kid != "21fe31dfa154a261" {
		t.Errorf("the key is called %s", kid)
	}
}

func TestDocumentsOfOthersAreRefused(t *testing.T) {
	ours := vectorDocuments(t)
	good := ours.Make(vectorDepot())
	if claim, err := ours.Open(good); err != nil || claim != (gateway.DocumentClaim{Depot: 17, Epoch: 1}) {
		t.Fatalf("our own: %+v, %v", claim, err)
	}
	raw, err := base64.StdEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	flipped := func(i int) string {
		b := bytes.Clone(raw)
		b[i] ^= 1
		return base64.StdEncoding.EncodeToString(b)
	}
	other, err := gateway.NewDocuments("https://gateway.example/", auth.NewSecret("vector-document-secret"), ed25519.NewKeyFromSeed(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"nothing": "", "no base64": "*", "no document": "bm90IG91cnM=", "cut": good[:len(good)-4], "twice": good + good,
		"another key": other.Make(vectorDepot()), "another address": documentsOf(t, "https://elsewhere/", "vector-document-secret").Make(vectorDepot()),
		"another secret": documentsOf(t, "https://gateway.example/", "x").Make(vectorDepot()),
		"long":           strings.Repeat("A", 9000), "a number changed": flipped(bytes.Index(raw, []byte("17"))), "the signature changed": flipped(len(raw) - 5),
	} {
		if _, err := ours.Open(text); errs.Of(err) != errs.NotFound || errs.ReasonOf(err) != errs.NoDepot {
			t.Errorf("%s: %v", what, err)
		}
	}
	var none *gateway.Documents
	if _, err := none.Open(good); errs.Of(err) != errs.NotFound || none.Make(vectorDepot()) != "" || none.URL() != "" {
		t.Errorf("a gateway without documents: %v", err)
	}
}

func TestDocumentsNeedSecretsAndAnAddress(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	for what, err := range map[string]error{
		"no slash":  second(gateway.NewDocuments("https://x", auth.NewSecret("s"), key)),
		"no secret": second(gateway.NewDocuments("https://x/", auth.Secret{}, key)),
		"no key":    second(gateway.NewDocuments("https://x/", auth.NewSecret("s"), nil)),
	} {
		if errs.Of(err) != errs.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzDocument(f *testing.F) {
	documents := vectorDocuments(f)
	f.Add(documents.Make(vectorDepot()), "YourUserName")
	f.Add("bm90IG91cnM=", "a \"quote\", \u2028 and \\")
	f.Fuzz(func(t *testing.T, text, owner string) {
		_, _ = documents.Open(text) // must not panic
		d := vectorDepot()
		d.Owner = strings.ToValidUTF8(owner, "")
		if len(d.Owner) > 1000 {
			return
		}
		made := documents.Make(d)
		if _, err := documents.Open(made); err != nil {
			t.Errorf("owner %q: %v", d.Owner, err)
		}
		raw, err := base64.StdEncoding.DecodeString(made)
		if err != nil {
			t.Fatal(err)
		}
		var payload struct{ Owner string }
		signed, _, _ := bytes.Cut(raw, []byte("\n"))
		if err := json.Unmarshal(signed, &payload); err != nil || payload.Owner != d.Owner {
			t.Errorf("owner %q: %q, %v", d.Owner, payload.Owner, err)
		}
	})
}
