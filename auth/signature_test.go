package auth_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

// Signatures that were observed on OpenStack Swift, with the keys they need.
func TestSignaturesAreThoseOfSwift(t *testing.T) {
	url := auth.TemporaryURL{Method: "GET", Expires: 4102444800, Path: "/v1/AUTH_test/c/o"}
	form := auth.UploadForm{Path: "/v1/AUTH_alice/photos/up_", MaxFileSize: "104857600", MaxFileCount: "2", Expires: "4102444800"}
	redirected := form
	redirected.Redirect = "https://app.example/done?x=1"
	for _, tt := range []struct{ text, key, signature string }{
		{url.Text(), "mykey", "bdbeb49e609632ca31f1b7814973274c7889985c4586ce3517c51ae67fda1c53"},
		{url.Text(), "mykey", "f8f3bcb6843cc60770e6e03c69f407051ce1668b"},
		{form.Text(), "formkey-1", "8a8c99358f916d708b5430346072449baca8b2cc"},
		{form.Text(), "formkey-1", "4a17dfc4611b65d0f219dd656f4135392fbbd189b19c71ed7d9f72aaed266053"},
		{form.Text(), "formkey-1", "sha256:ShffxGEbZdDyGd1lb0E1OS+70YmxnHHtfZ9yqu0mYFM="},
		{form.Text(), "formkey-1", "sha256:ShffxGEbZdDyGd1lb0E1OS-70YmxnHHtfZ9yqu0mYFM"},
		{form.Text(), "formkey-1", "77aaa9a4f98ef0c01a8ef4feab879f7169c32b4bf27d5ed7c23db0dead100a9285efae9bc12a5bba67ab06005e584607db5b262035f129af83f6d76616dcbf38"},
		{redirected.Text(), "formkey-1", "d3a3a9bb772e455a316e8a0548ec1e630e9e3522a7ccca3c3962a5f038579061"},
		{auth.UploadForm{Path: "/v1/AUTH_alice/photos/", MaxFileSize: "1024", MaxFileCount: "1", Expires: "4102444800"}.Text(), "formkey-1", "67b7a1864b806ed10729419e22850c1b923b9720f5aa551a24166b81fac472ef"},
	} {
		s, err := auth.ParseSignature(tt.signature)
		if err != nil {
			t.Errorf("%s: %v", tt.signature, err)
		}
		if !s.Signs(tt.text, auth.NewSecret(tt.key)) {
			t.Errorf("%s does not sign %q", tt.signature, tt.text)
		}
		if s.Signs(tt.text+"x", auth.NewSecret(tt.key)) || s.Signs(tt.text, auth.NewSecret(tt.key+"x")) || s.Signs(tt.text, auth.Secret{}) {
			t.Errorf("%s signs something else", tt.signature)
		}
	}
}

func TestSignatureTextNamesPrefixAndAddress(t *testing.T) {
	u := auth.TemporaryURL{Method: "PUT", Expires: 5, Path: "/v1/AUTH_a/c/p", Prefix: true, IPRange: "10.0.0.0/8"}
	if got, want := u.Text(), "ip=10.0.0.0/8\nPUT\n5\nprefix:/v1/AUTH_a/c/p"; got != want {
		t.Errorf("got %q", got)
	}
	if got, want := (auth.UploadForm{Path: "/v1/a/c"}).Text(), "/v1/a/c\n\n0\n0\n0"; got != want {
		t.Errorf("got %q", got)
	}
}

func TestParseSignatureRefusesWhatIsNone(t *testing.T) {
	for _, text := range []string{
		"", "x", "00", strings.Repeat("0", 39), strings.Repeat("g", 40), strings.Repeat("0", 129), strings.Repeat("0", 1<<20),
		"md5:AAAA", "sha1:", "sha256:" + base64.StdEncoding.EncodeToString(make([]byte, 20)), "sha1:AAAA\nAAAA",
		"sha1:" + strings.Repeat("0", 40), ":" + strings.Repeat("0", 40),
	} {
		if _, err := auth.ParseSignature(text); errs.Of(err) != errs.Unauthenticated {
			t.Errorf("%q: %v", text, err)
		}
	}
	sha1 := strings.Repeat("0", 40)
	if _, err := auth.ParseSignature(sha1, auth.SHA256, auth.SHA512); errs.Of(err) != errs.Unauthenticated {
		t.Errorf("a digest that is switched off was taken: %v", err)
	}
}

func TestSignNeedsKeyAndDigest(t *testing.T) {
	for _, digest := range auth.SignatureDigests() {
		text, err := auth.Sign(digest, auth.NewSecret("k"), "t")
		if err != nil {
			t.Fatal(err)
		}
		s, err := auth.ParseSignature(text, digest)
		if err != nil || !s.Signs("t", auth.NewSecret("k")) {
			t.Errorf("%s: %v", digest, err)
		}
	}
	for _, err := range []error{
		second(auth.Sign("md5", auth.NewSecret("k"), "t")), second(auth.Sign(auth.SHA1, auth.Secret{}, "t")),
	} {
		if errs.Of(err) != errs.Invalid {
			t.Error(err)
		}
	}
}

func second(_ string, err error) error { return err }

func TestGrantCoversWhatItNamesOnly(t *testing.T) {
	one := &auth.Grant{Account: "a", Container: "c", Object: "a/b"}
	many := &auth.Grant{Account: "a", Container: "c", Object: "a/b", Prefix: true}
	for _, tt := range []struct {
		account, container, object string
		one, many                  bool
	}{
		{"a", "c", "a/b", true, true},
		{"a", "c", "a/bc", false, true},
		{"a", "c", "a", false, false},
		{"a", "d", "a/b", false, false},
		{"b", "c", "a/b", false, false},
		{"a", "c", "", false, false},
	} {
		if one.Covers(tt.account, tt.container, tt.object) != tt.one || many.Covers(tt.account, tt.container, tt.object) != tt.many {
			t.Errorf("%+v", tt)
		}
	}
	var none *auth.Grant
	if none.Covers("a", "c", "o") {
		t.Error("no grant covers an object")
	}
}

func TestReferredContentIsReadOnly(t *testing.T) {
	g := auth.Grant{Account: "a", Container: "c", Object: "o", Read: true, Write: true}
	near := auth.Principal{Grant: &g}.Referred().Grant
	if near.Write || !near.Read || !near.Covers("a", "c", "x") || near.Covers("a", "d", "x") {
		t.Errorf("%+v", near)
	}
	g.Wide = true
	wide := auth.Principal{Grant: &g}.Referred().Grant
	if !wide.Covers("a", "d", "x") || wide.Covers("b", "d", "x") {
		t.Errorf("%+v", wide)
	}
	if p := (auth.Principal{User: "u"}).Referred(); p.Grant != nil || p.User != "u" {
		t.Errorf("%+v", p)
	}
}

func FuzzParseSignature(f *testing.F) {
	f.Add("sha256:ShffxGEbZdDyGd1lb0E1OS+70YmxnHHtfZ9yqu0mYFM=")
	f.Add("8a8c99358f916d708b5430346072449baca8b2cc")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := auth.ParseSignature(text)
		if err != nil {
			return
		}
		// Nobody finds the key of a signature by chance.
		if s.Signs("text", auth.NewSecret("a key that no input was made with")) {
			t.Errorf("%q signs", text)
		}
	})
}
