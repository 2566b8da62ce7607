package duracloud

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// The forms of manifests.
const (
	formTSV      = "TSV"
	formExtended = "EXTENDED_TSV"
	formBagIt    = "BAGIT"
	formJSON     = "JSON"
)

// Manifests writes the manifests of spaces in DuraCloud's forms: TSV,
// EXTENDED_TSV, BAGIT (the payload manifest of RFC 8493) and, of our own, JSON.
type Manifests struct{}

var _ gateway.ManifestWriter = Manifests{}

// formOf reads the form that a request asks for, in any case; "" is TSV.
func formOf(text string) (string, error) {
	switch form := strings.ToUpper(text); form {
	case "":
		return formTSV, nil
	case formTSV, formExtended, formBagIt, formJSON:
		return form, nil
	}
	return "", noForm(text)
}

func noForm(text string) error {
	return refuse(http.StatusBadRequest, "Invalid manifest format: %s Allowable formats are: 'TSV', 'EXTENDED_TSV', 'BAGIT'", text)
}

// Begin implements gateway.ManifestWriter.
func (Manifests) Begin(b []byte, form string) ([]byte, string, error) {
	switch form {
	case formTSV:
		return append(b, "space-id\tcontent-id\tMD5\n"...), "text/tab-separated-values", nil
	case formExtended:
		return append(b, "space-id\tcontent-id\tMD5\tcontent-size\tmime-type\n"...), "text/tab-separated-values", nil
	case formBagIt:
		return b, "text/bagit", nil
	}
	return b, "", errs.New("duracloud.Manifests", errs.Invalid, "", "There is no such form of manifests: "+form)
}

// Append implements gateway.ManifestWriter.
func (Manifests) Append(b []byte, form, space string, items []gateway.ManifestItem) []byte {
	for i := range items {
		m := &items[i]
		if form == formBagIt {
			b = hex.AppendEncode(b, m.MD5[:])
			b = appendCell(append(b, "  "...), space)
			b = append(appendCell(append(b, '/'), m.Name), '\n')
			continue
		}
		b = append(appendCell(b, space), '\t')
		b = append(appendCell(b, m.Name), '\t')
		b = hex.AppendEncode(b, m.MD5[:])
		if form == formExtended {
			b = strconv.AppendInt(append(b, '\t'), m.Size, 10)
			b = appendCell(append(b, '\t'), m.ContentType)
		}
		b = append(b, '\n')
	}
	return b
}

// getManifest answers with a manifest of a space, as it is read.
func (f *Face) getManifest(w http.ResponseWriter, r *http.Request, c *call) error {
	ref, store, err := f.inBlank(c)
	if err != nil {
		return f.readersFirst(r, c, err)
	}
	form, err := formOf(c.query.Get("format"))
	if err != nil {
		return f.readersFirst(r, c, err)
	}
	if form == formJSON {
		return f.getManifestJSON(w, r, c, ref, store)
	}
	head, contentType, err := Manifests{}.Begin(nil, form)
	if err != nil {
		return err
	}
	out := newStream(w, r, contentType, "")
	err = f.spaces.Manifest(r.Context(), ref, c.query.Get("prefix"), func(page []gateway.ManifestItem) error {
		return out.write(Manifests{}.Append(out.buffer(), form, c.space, page), string(head))
	})
	return out.end(err, string(head), func(err error) error { return noManifest(c, store, err) })
}

// noManifest says in DuraStore's words that there is no such space.
func noManifest(c *call, store string, err error) error {
	if errs.Of(err) == errs.NotFound {
		return refuse(http.StatusNotFound, "there is no manifest for space: %s where storeId = %s : no such space exists.", c.space, store)
	}
	return err
}

// jsonItem is an item in a manifest of the form JSON. What no digest is known
// of has "".
type jsonItem struct {
	SpaceID   string `json:"spaceId"`
	ContentID string `json:"contentId"`
	MD5       string `json:"md5"`
	SHA256    string `json:"sha256"`
	Size      int64  `json:"size"`
	MimeType  string `json:"mimetype"`
	Modified  string `json:"modified"`
}

func (f *Face) getManifestJSON(w http.ResponseWriter, r *http.Request, c *call, ref gateway.Ref, store string) error {
	out := newStream(w, r, "application/json", "")
	first := true
	err := f.spaces.Manifest(r.Context(), ref, c.query.Get("prefix"), func(page []gateway.ManifestItem) error {
		b := out.buffer()
		for i := range page {
			m := &page[i]
			if !first {
				b = append(b, ',', '\n')
			}
			first = false
			line, err := json.Marshal(jsonItem{
				SpaceID: c.space, ContentID: m.Name, MD5: m.HexMD5(), SHA256: m.HexSHA256(),
				Size: m.Size, MimeType: m.ContentType, Modified: m.Modified.UTC().Format(time.RFC3339),
			})
			if err != nil {
				return err
			}
			b = append(b, line...)
		}
		return out.write(b, "[")
	})
	if err == nil && r.Method != http.MethodHead {
		err = out.write([]byte("]"), "[")
	}
	return out.end(err, "[", func(err error) error { return noManifest(c, store, err) })
}

// postManifest has a manifest written in the background and says where it is
// going to be.
func (f *Face) postManifest(w http.ResponseWriter, r *http.Request, c *call) error {
	ref, store, err := f.inBlank(c)
	if err != nil {
		return f.readersFirst(r, c, err)
	}
	form, err := formOf(c.query.Get("format"))
	if err == nil && form == formJSON {
		err = noForm(c.query.Get("format"))
	}
	if err != nil {
		return f.readersFirst(r, c, err)
	}
	to, err := f.spaces.RequestManifest(r.Context(), ref, form)
	if err != nil {
		return noManifest(c, store, err)
	}
	uri := f.base(r) + f.cfg.Prefix + "/" + httpkit.EscapePath(to.Container+"/"+to.Object)
	w.Header()["Location"] = []string{uri}
	writeText(w, r, http.StatusAccepted, "We are processing your manifest generation request. To retrieve your file, "+
		"please poll the URI in the Location header of this response: ("+uri+").")
	return nil
}
