package web

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/audiencekit/audiencekit/compliance"
)

// maxUserAgent is what is kept of a user agent at most.
const maxUserAgent = 256

// clientIP gives the address of who asks, the zero Addr when it is not known.
func (p *Pages) clientIP(r *http.Request) netip.Addr {
	if p.opts.ClientIP != nil {
		return p.opts.ClientIP(r).Unmap().WithZone("")
	}
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// limitPrefix is what limits count by: an IPv4 address, or the /64 that one
// customer has.
func limitPrefix(a netip.Addr) string {
	if !a.IsValid() {
		return "unknown"
	}
	bits := 32
	if a.Is6() {
		bits = 64
	}
	prefix, _ := a.Prefix(bits)
	return prefix.String()
}

// evidence is what is kept of a request, which by default is not the client.
func (p *Pages) evidence(q *request, page string) compliance.Evidence {
	e := compliance.Evidence{Page: page, Language: q.lang}
	if p.opts.KeepIP == IPNone {
		return e
	}
	e.UserAgent, _ = clean(q.UserAgent(), len(q.UserAgent()))
	e.UserAgent = strings.ToValidUTF8(e.UserAgent[:min(len(e.UserAgent), maxUserAgent)], "")
	a := p.clientIP(q.Request)
	if !a.IsValid() {
		return e
	}
	switch p.opts.KeepIP {
	case IPTruncated:
		bits := 24
		if a.Is6() {
			bits = 48
		}
		prefix, _ := a.Prefix(bits)
		e.IP = prefix.String()
	case IPHashed:
		e.IP = hex.EncodeToString(p.secrets.tag("ip", a.String()))
	default:
		e.IP = a.String()
	}
	return e
}

// originalURL is the key under which MaskTokens keeps what it masked.
type originalURL struct{}

type unmasked struct {
	url *url.URL
	uri string
}

// MaskTokens gives the pages behind a middleware of the host's that logs
// requests: it sees URLs with "masked" in the place of the token, and no query.
//
//	mux.Handle("/mail/", pages.MaskTokens(accessLog))
//
// What a server or proxy in front logs it cannot mask.
func (p *Pages) MaskTokens(log func(http.Handler) http.Handler) http.Handler {
	logged := log(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if was, ok := r.Context().Value(originalURL{}).(unmasked); ok {
			r = r.WithContext(r.Context())
			r.URL, r.RequestURI = was.url, was.uri
		}
		p.ServeHTTP(w, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		masked := r.WithContext(context.WithValue(r.Context(), originalURL{}, unmasked{r.URL, r.RequestURI}))
		masked.URL = &url.URL{Scheme: r.URL.Scheme, Host: r.URL.Host, Path: p.maskPath(r.URL.Path)}
		masked.RequestURI = masked.URL.RequestURI()
		logged.ServeHTTP(w, masked)
	})
}

// maskPath keeps the kind of page, and the form of a signup page.
func (p *Pages) maskPath(path string) string {
	rest, ok := strings.CutPrefix(path, p.prefix+"/")
	kind, arg, hasArg := strings.Cut(rest, "/")
	if ok && (kind == "u" && !hasArg || kind == "s" && p.formNamed(arg) != nil) {
		return path
	}
	if ok && p.route(kind, hasArg) != nil {
		return p.prefix + "/" + kind + "/masked"
	}
	return "/masked"
}

func (p *Pages) formNamed(id string) *Form {
	for i := range p.opts.Forms {
		if p.opts.Forms[i].ID == id {
			return &p.opts.Forms[i]
		}
	}
	return nil
}
