package duracloud

import (
	"net/http"
	"strconv"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// BeginIntegrity implements gateway.ManifestWriter.
func (Manifests) BeginIntegrity(b []byte) ([]byte, string) {
	return append(b, "date-checked\taccount\tstore-id\tstore-type\tspace-id\tcontent-id\tresult\tcontent-checksum\t"+
		"provider-checksum\tmanifest-checksum\tdetails\n"...), "text/tsv"
}

// AppendIntegrity implements gateway.ManifestWriter: the last row has no line
// end.
func (Manifests) AppendIntegrity(b []byte, first bool, rows []gateway.IntegrityRow) []byte {
	for i := range rows {
		r := &rows[i]
		if !first || i > 0 {
			b = append(b, '\n')
		}
		b = append(r.Checked.UTC().AppendFormat(b, isoTime), '\t')
		b = append(appendCell(b, r.Account), '\t')
		b = append(strconv.AppendInt(b, int64(r.StoreID), 10), '\t')
		details := r.Details
		if details == "" {
			details = "--"
		}
		for _, text := range [...]string{r.StoreType, r.Space, r.Item, string(r.Result), r.Content, r.Recorded, r.Manifest} {
			b = append(appendCell(b, text), '\t')
		}
		b = appendCell(b, details)
	}
	return b
}

// getIntegrity answers with the last report on the integrity of a space; 204
// before there is one.
func (f *Face) getIntegrity(w http.ResponseWriter, r *http.Request, c *call) error {
	ref, _, err := f.inBlank(c)
	if err != nil {
		return f.readersFirst(r, c, err)
	}
	report, content, err := f.spaces.Integrity(r.Context(), ref)
	switch {
	case errs.ReasonOf(err) == errs.NoReport:
		w.WriteHeader(http.StatusNoContent)
		return nil
	case errs.Of(err) == errs.NotFound:
		return refuse(http.StatusNotFound, "Space with ID %s does not exist", c.space)
	case err != nil:
		return err
	}
	defer content.Close()
	h := w.Header()
	h["Bit-Integrity-Report-Result"] = []string{string(report.Result)}
	h["Bit-Integrity-Report-Completion-Date"] = []string{report.Ended.UTC().Format(isoTime)}
	delete(r.Header, "Range")
	return httpkit.ServeContent(w, r, content, "text/tab-separated-values", httpkit.ContentOptions{})
}
