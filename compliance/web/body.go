package web

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

const (
	maxBody  = 64 << 10
	maxParts = 200
)

var errBody = errors.New("unreadable form")

// form reads the body of a POST in either encoding. Request.ParseForm would
// leave multipart bodies out, which RFC 8058 prefers, and FormValue would read
// the query, which anybody can put into a link.
func (q *request) form() (url.Values, error) {
	body := http.MaxBytesReader(q.w, q.Body, maxBody)
	kind, params, err := mime.ParseMediaType(q.Header.Get("Content-Type"))
	if err == nil && kind == "multipart/form-data" {
		return multipartForm(body, params["boundary"])
	}
	// Some clients send no type, or a wrong one; what is no form will hardly
	// read as one.
	b, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(strings.TrimRight(string(b), "\r\n"))
	if err != nil || len(values) > maxParts {
		return nil, errBody
	}
	return values, nil
}

func multipartForm(body io.Reader, boundary string) (url.Values, error) {
	if boundary == "" {
		return nil, errBody
	}
	values := make(url.Values)
	parts := multipart.NewReader(body, boundary)
	for range maxParts {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, bodyError(err)
		}
		b, err := io.ReadAll(part)
		if err != nil {
			return nil, bodyError(err)
		}
		if name := part.FormName(); name != "" && part.FileName() == "" {
			values.Add(name, string(b))
		}
	}
	return nil, errBody
}

// bodyError keeps what says that the body is too long, and of the rest nothing:
// it may hold what was sent.
func bodyError(err error) error {
	if tooLong := new(http.MaxBytesError); errors.As(err, &tooLong) {
		return tooLong
	}
	return errBody
}

// bodyStatus is the status for an error of form.
func bodyStatus(err error) int {
	if tooLong := new(http.MaxBytesError); errors.As(err, &tooLong) {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

// clean makes one line of valid text of what somebody typed, or false when it
// is too long.
func clean(s string, limit int) (string, bool) {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = strings.TrimSpace(s)
	return s, len(s) <= limit
}
