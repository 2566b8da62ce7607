package swift

import (
	"bufio"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// Upload forms: a browser posts files as multipart/form-data (RFC 7578), and a
// signature over the form's hidden fields is the permission (OpenStack Object
// Storage API v1, "Form POST middleware"). Parts are read one after another;
// each file is stored as soon as it is complete.

const (
	// maxFormValue is how many bytes of a field count.
	maxFormValue = 4096
	// maxFormFields bounds how many fields are kept.
	maxFormFields = 100
	// maxFormRest is how many bytes a form may have beside its files.
	maxFormRest = 1 << 20
)

// A formError is a form that cannot be, or may not: such answers never
// redirect.
func formError(status int, text string) error { return refuse(status, "FormPost: "+text) }

// postForm answers a form.
func (f *Face) postForm(w http.ResponseWriter, r *http.Request, ref gateway.Ref) {
	httpkit.EventOf(r.Context()).Op = "formpost"
	form := &formUpload{face: f, r: r, ref: ref, fields: map[string]string{}}
	status, message, err := form.run()
	if err != nil {
		if s, _ := answerTo(err); s == http.StatusUnauthorized {
			w.Header().Set("Www-Authenticate", `Swift realm="unknown"`)
		}
		f.fail(w, r, err)
		return
	}
	form.answer(w, status, message)
}

// isForm tells whether a request is a form that a browser posts.
func isForm(r *http.Request) bool {
	if r.Method != http.MethodPost {
		return false
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.Trim(kind, " \t"), "multipart/form-data")
}

// A formUpload is one form on its way.
type formUpload struct {
	face   *Face
	r      *http.Request
	ref    gateway.Ref // as in the path
	fields map[string]string
	budget *io.LimitedReader
	files  int
	failed error // of the store, for the log
	// redirect is where the browser is sent: the signed address, "" before
	// the signature was checked.
	redirect string
}

// run reads the form and stores its files. The status and the message are for
// whoever posted it, also by way of a redirect; an error is answered at once.
func (u *formUpload) run() (status int, message string, err error) {
	_, params, err := mime.ParseMediaType(u.r.Header.Get("Content-Type"))
	if err != nil {
		return 0, "", refuse(http.StatusBadRequest, "")
	}
	u.budget = &io.LimitedReader{R: u.r.Body, N: maxFormRest}
	body := bufio.NewReaderSize(u.budget, 64<<10)
	boundary := "--" + params["boundary"]
	if start, _ := body.Peek(len(boundary)); string(start) != boundary || params["boundary"] == "" {
		return 0, "", formError(http.StatusBadRequest, "invalid starting boundary")
	}
	parts := multipart.NewReader(body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, "", u.bodyError(err)
		}
		name, file := partNames(part)
		if file == "" {
			if err := u.field(name, part); err != nil {
				return 0, "", err
			}
			continue
		}
		if status, message, err = u.file(file, part); err != nil || status >= 300 {
			return status, message, err
		}
	}
	if u.files == 0 {
		return http.StatusBadRequest, "no files to process", nil
	}
	return status, "", nil
}

// bodyError is the answer to a form that cannot be read on.
func (u *formUpload) bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case u.budget.N <= 0, errors.As(err, &tooLarge):
		return errs.Wrap("swift.form", errs.TooLarge, "", err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errs.Wrap("swift.form", errs.Incomplete, "", err)
	}
	return &refusal{status: http.StatusBadRequest, err: err}
}

// partNames returns the name of a part's field, in lower case, and the name of
// its file as sent; both are "" when the part does not say.
func partNames(part *multipart.Part) (field, file string) {
	kind, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil || kind != "form-data" {
		return "", ""
	}
	return strings.ToLower(params["name"]), params["filename"]
}

// field keeps a field's value for the files behind it.
func (u *formUpload) field(name string, part *multipart.Part) error {
	value, err := io.ReadAll(io.LimitReader(part, maxFormValue))
	if err == nil {
		_, err = io.Copy(io.Discard, part)
	}
	if err != nil {
		return u.bodyError(err)
	}
	if _, known := u.fields[name]; known || len(u.fields) < maxFormFields {
		u.fields[name] = strings.TrimRight(string(value), "\r\n-")
	}
	return nil
}

// number reads a field that is a number, 0 where it is missing.
func (u *formUpload) number(field string) (int64, bool) {
	if u.fields[field] == "" {
		return 0, true
	}
	n, ok := wholeNumber(u.fields[field])
	return n, ok
}

// file stores one file. Every file is judged by the fields that stand before
// it, signature included.
func (u *formUpload) file(name string, part *multipart.Part) (status int, message string, err error) {
	u.files++
	count, ok := u.number("max_file_count")
	switch {
	case !ok:
		return 0, "", formError(http.StatusBadRequest, "max_file_count not an integer")
	case int64(u.files) > count:
		return http.StatusBadRequest, "max file count exceeded", nil
	}
	grant, size, err := u.authorise()
	if err != nil {
		return 0, "", err
	}
	u.budget.N = min(u.budget.N, maxFormRest)
	if size > u.face.cfg.MaxObjectSize {
		size = u.face.cfg.MaxObjectSize
	}
	u.budget.N += size + 1
	opt, err := u.putOptions(part)
	if err != nil {
		return 0, "", err
	}
	ctx := auth.WithPrincipal(u.r.Context(), auth.Principal{Grant: grant, Address: addressOf(u.r)})
	ref := gateway.Ref{Account: grant.Account, Container: u.ref.Container, Object: u.ref.Object + baseName(name)}
	return u.store(ctx, ref, &body{from: part, left: size}, opt)
}

func (u *formUpload) store(ctx context.Context, ref gateway.Ref, b *body, opt gateway.PutOptions) (status int, message string, err error) {
	_, err = u.face.objects.Put(ctx, ref, b, opt)
	switch {
	case err == nil:
		return http.StatusCreated, "", nil
	case b.err == errBodyTooLarge:
		return 0, "", formError(http.StatusBadRequest, "max_file_size exceeded")
	case b.err != nil:
		return 0, "", u.bodyError(b.err)
	}
	u.failed = err
	status, message = answerTo(err)
	return status, message, nil
}

// authorise checks age and signature of the form and returns what it permits,
// and the largest file in bytes.
func (u *formUpload) authorise() (*auth.Grant, int64, error) {
	expires, ok := u.number("expires")
	switch {
	case !ok:
		return nil, 0, formError(http.StatusBadRequest, "expired not an integer")
	case expires <= u.face.now().Unix():
		return nil, 0, formError(http.StatusUnauthorized, "Form Expired")
	}
	size, ok := u.number("max_file_size")
	if !ok || size < 0 {
		return nil, 0, formError(http.StatusBadRequest, "max_file_size not an integer")
	}
	invalid := formError(http.StatusUnauthorized, "Invalid Signature")
	account, known := strings.CutPrefix(u.ref.Account, accountPrefix)
	signature, err := auth.ParseSignature(u.fields["signature"], u.face.cfg.SignatureDigests...)
	if err != nil || !known || u.ref.Container == "" {
		return nil, 0, invalid
	}
	text := auth.UploadForm{
		Path: u.r.URL.Path, Redirect: u.fields["redirect"], MaxFileSize: u.fields["max_file_size"],
		MaxFileCount: u.fields["max_file_count"], Expires: u.fields["expires"],
	}.Text()
	wide, err := u.face.accounts.SignedBy(u.r.Context(), gateway.Ref{Account: account, Container: u.ref.Container},
		func(key auth.Secret) bool { return signature.Signs(text, key) })
	switch {
	case errs.Of(err) == errs.Unauthenticated:
		return nil, 0, invalid
	case err != nil:
		return nil, 0, err
	case !safeRedirect(u.fields["redirect"]):
		return nil, 0, formError(http.StatusBadRequest, "invalid redirect")
	}
	u.redirect = u.fields["redirect"]
	return &auth.Grant{
		Account: account, Container: u.ref.Container, Object: u.ref.Object, Prefix: true, Write: true, Wide: wide,
	}, size, nil
}

// safeRedirect tells whether a browser may be sent to a place, or need not be
// sent anywhere.
func safeRedirect(to string) bool {
	if to == "" {
		return true
	}
	u, err := url.Parse(to)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && !strings.ContainsAny(to, "\r\n\x00")
}

// putOptions reads what form and part say about a file.
func (u *formUpload) putOptions(part *multipart.Part) (gateway.PutOptions, error) {
	opt := gateway.PutOptions{Size: -1, Waiting: u.r.Header.Get("Expect") != ""}
	text := func(name string) string {
		if v, ok := u.fields[name]; ok {
			return v
		}
		return part.Header.Get(name)
	}
	opt.ContentType = text("content-type")
	if coding := text("content-encoding"); coding != "" {
		opt.Headers = gateway.Properties{"content-encoding": coding}
	}
	if err := checkContentType(opt.ContentType); err != nil {
		return opt, err
	}
	life := http.Header{}
	for field, header := range map[string]string{"x_delete_at": "X-Delete-At", "x_delete_after": "X-Delete-After"} {
		if v := u.fields[field]; v != "" {
			life.Set(header, v)
		}
	}
	var err error
	opt.DeleteAt, err = deleteAt(life, u.face.now())
	return opt, err
}

// baseName takes the folders off the path of a file on Windows, which some
// browsers send; slashes stay.
func baseName(name string) string {
	drive := len(name) > 2 && name[1] == ':' && name[2] == '\\'
	if drive || strings.HasPrefix(name, `\\`) {
		return name[strings.LastIndexByte(name, '\\')+1:]
	}
	return name
}

// answer tells how the form went: to the browser, or to where it is sent.
func (u *formUpload) answer(w http.ResponseWriter, status int, message string) {
	httpkit.EventOf(u.r.Context()).Err = u.failed
	h := w.Header()
	line := strconv.Itoa(status) + " " + http.StatusText(status)
	if u.redirect == "" && u.fields["redirect"] != "" {
		_, _, _ = u.authorise() // a form without files was not judged yet
	}
	if to := u.redirect; to != "" {
		mark := "?"
		if strings.Contains(to, "?") {
			mark = "&"
		}
		to += mark + "status=" + strconv.Itoa(status) + "&message=" + httpkit.EscapePath(message)
		h.Set("Location", to)
		writeBody(w, u.r, http.StatusSeeOther, htmlType,
			`<html><body><p><a href="`+string(appendXML(nil, to, true))+`">Click to continue...</a></p></body></html>`)
		return
	}
	if message != "" {
		line += "\r\nFormPost: " + titled(message)
	}
	writeBody(w, u.r, status, textType, line)
}

// titled gives every word a capital.
func titled(s string) string {
	words := strings.Fields(s)
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, " ")
}
