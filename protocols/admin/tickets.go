package admin

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/names"
	"entrepot/protocols/internal/httpkit"
)

// Bounds of tickets.
const (
	ticketLife     = 600    // seconds, unless asked otherwise
	maxTicketLife  = 86_400 // seconds
	maxTicketFiles = 10_000
)

// UploadTicket is what upload.ticket takes.
type UploadTicket struct {
	Account      string `json:"account,omitempty"` // default: the caller's own
	Container    string `json:"container"`
	Prefix       string `json:"prefix,omitempty"` // of the names that the files get
	MaxFileSize  int64  `json:"max_file_size"`    // bytes, of each file
	MaxFileCount *int   `json:"max_file_count,omitempty"`
	ExpiresIn    *int64 `json:"expires_in,omitempty"` // seconds
	Redirect     string `json:"redirect,omitempty"`
}

func (u UploadTicket) target() string { return u.Account + "/" + u.Container }

// UploadForm is the answer of upload.ticket: where a form is posted to, and the
// fields that stand in it before its files (OpenStack Object Storage API v1,
// "Form POST middleware").
type UploadForm struct {
	URL    string            `json:"url"`
	Fields map[string]string `json:"fields"`
}

// expiry is the moment, in Unix seconds, at which a ticket ends.
func (f *Face) expiry(in *int64) (string, int64, error) {
	life := int64(ticketLife)
	if in != nil {
		life = *in
	}
	if life < 1 || life > maxTicketLife {
		return "", 0, badCall(codeParams, "expires_in is 1 to 86400")
	}
	at := f.deps.Now().Unix() + life
	return strconv.FormatInt(at, 10), at, nil
}

func (u *UploadTicket) check() error {
	count := 1
	if u.MaxFileCount != nil {
		count = *u.MaxFileCount
	}
	if u.MaxFileSize < 0 || count < 1 || count > maxTicketFiles {
		return badCall(codeParams, "max_file_size is not negative, max_file_count is 1 to 10000")
	}
	u.MaxFileCount = &count
	if u.Prefix != "" {
		if err := names.Object(u.Prefix); err != nil {
			return err
		}
	}
	if u.Redirect == "" {
		return nil
	}
	to, err := url.Parse(u.Redirect)
	if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
		return badCall(codeParams, "redirect is the address of a page")
	}
	return nil
}

func (f *Face) uploadTicket(ctx context.Context, u UploadTicket) (UploadForm, error) {
	if err := u.check(); err != nil {
		return UploadForm{}, err
	}
	expires, _, err := f.expiry(u.ExpiresIn)
	if err != nil {
		return UploadForm{}, err
	}
	ref := gateway.Ref{Account: accountName(ctx, u.Account), Container: u.Container, Object: u.Prefix}
	path := storagePath(ref) + u.Prefix
	fields := map[string]string{
		"max_file_size": strconv.FormatInt(u.MaxFileSize, 10), "max_file_count": strconv.Itoa(*u.MaxFileCount), "expires": expires,
	}
	form := auth.UploadForm{
		Path: path, Redirect: u.Redirect, MaxFileSize: fields["max_file_size"], MaxFileCount: fields["max_file_count"], Expires: expires,
	}
	if u.Redirect != "" {
		fields["redirect"] = u.Redirect
	}
	if fields["signature"], err = f.deps.Accounts.Sign(ctx, ref, true, form.Text()); err != nil {
		return UploadForm{}, err
	}
	return UploadForm{URL: f.base(ctx) + httpkit.EscapePath(path), Fields: fields}, nil
}

// storagePath is the path of a container at the Swift door, with a slash at
// its end.
func storagePath(ref gateway.Ref) string {
	return "/v1/" + accountPrefix + ref.Account + "/" + ref.Container + "/"
}

// DownloadTicket is what download.ticket takes.
type DownloadTicket struct {
	Account   string `json:"account,omitempty"` // default: the caller's own
	Container string `json:"container"`
	Object    string `json:"object"`
	ExpiresIn *int64 `json:"expires_in,omitempty"` // seconds
}

func (d DownloadTicket) target() string { return d.Account + "/" + d.Container + "/" + d.Object }

// DownloadURL is the answer of download.ticket: a temporary URL (OpenStack
// Object Storage API v1, "Temporary URL middleware").
type DownloadURL struct {
	URL string `json:"url"`
}

func (f *Face) downloadTicket(ctx context.Context, d DownloadTicket) (DownloadURL, error) {
	if err := names.Object(d.Object); err != nil {
		return DownloadURL{}, err
	}
	expires, at, err := f.expiry(d.ExpiresIn)
	if err != nil {
		return DownloadURL{}, err
	}
	ref := gateway.Ref{Account: accountName(ctx, d.Account), Container: d.Container, Object: d.Object}
	path := storagePath(ref) + d.Object
	signed := auth.TemporaryURL{Method: http.MethodGet, Expires: at, Path: path}
	signature, err := f.deps.Accounts.Sign(ctx, ref, false, signed.Text())
	if err != nil {
		return DownloadURL{}, err
	}
	query := "?temp_url_sig=" + signature + "&temp_url_expires=" + expires
	return DownloadURL{URL: f.base(ctx) + httpkit.EscapePath(path) + query}, nil
}
