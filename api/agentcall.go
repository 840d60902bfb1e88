package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/strictjson"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// Bounds of what an agent sends, in bytes. A job's result of up to
// scheduler.InlineLimit travels in its finish; larger ones are uploaded.
const (
	maxAgentBody = 256 << 10
	maxInventory = 4 << 20 // of 10,000 accounts, too
)

// hostRule: NAME, or NAME@INSTANCE of an agent of some devices of that host.
var hostRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(@[A-Za-z0-9._:-]{1,127})?$`)

// agentCall makes a handler of what an agent asks for: it checks for which host
// the token may act, and reads the body strictly. A nil answer is 204.
func agentCall[In any](limit int64, do func(s *Server, c *call, host string, in *In) (any, error)) handler {
	return func(s *Server, c *call) error {
		host, err := c.agentHost()
		if err != nil {
			return err
		}
		in := new(In)
		if err := readStrict(c, limit, in); err != nil {
			return err
		}
		out, err := do(s, c, host, in)
		if err != nil {
			return err
		}
		return s.answerAgent(c, out)
	}
}

// agentGet is agentCall without a body.
func agentGet(do func(s *Server, c *call, host string) (any, error)) handler {
	return func(s *Server, c *call) error {
		host, err := c.agentHost()
		if err != nil {
			return err
		}
		out, err := do(s, c, host)
		if err != nil {
			return err
		}
		return s.answerAgent(c, out)
	}
}

func (s *Server) answerAgent(c *call, out any) error {
	if out == nil {
		c.WriteHeader(http.StatusNoContent)
		return nil
	}
	return s.write(c, http.StatusOK, out)
}

// agentHost is the host of the path, if the token may act for it: an agent's
// own, or an instance of it; an admin any.
func (c *call) agentHost() (string, error) {
	host := c.param("host")
	if !hostRule.MatchString(host) {
		return "", refuse(CodeBadRequest, "want the name of a host, or NAME@INSTANCE: letters, digits, dot, dash and underscore")
	}
	if scheduler.IsConsumer(host) {
		return "", refuse(CodeForbidden, "names of this form are those of consumers, which take messages with POST /consumer/take")
	}
	if c.who.Role == auth.RoleAdmin || host == c.who.User || strings.HasPrefix(host, c.who.User+"@") {
		return host, nil
	}
	return "", refuse(CodeForbidden, fmt.Sprintf("this token is that of the host %s, it may not act for %s", printable(c.who.User), printable(host)))
}

// readStrict reads a JSON body into a struct: at most limit bytes, no field
// twice, none that is not known, none missing, nothing after it.
func readStrict(c *call, limit int64, into any) error {
	if err := wantMedia(c.r, scheduler.MediaJSON); err != nil {
		return err
	}
	tooLarge := refuse(CodeTooLarge, fmt.Sprintf("more than %d bytes", limit))
	if c.r.ContentLength > limit {
		return tooLarge
	}
	body, err := io.ReadAll(io.LimitReader(c.r.Body, limit+1))
	if err != nil {
		return readError(err)
	}
	if int64(len(body)) > limit {
		return tooLarge
	}
	fields, err := strictjson.Object(body, 8)
	if err != nil {
		return badJSON(err)
	}
	if name := missing(reflect.TypeOf(into).Elem(), fields); name != "" {
		return refuseField(CodeBadRequest, "/"+name, name+": it is missing")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	return badField(decoder.Decode(into))
}

// missing is the first field of a type that must be there and is not, "" if
// all are: those that are not left out when they are zero.
func missing(t reflect.Type, fields []strictjson.Field) string {
	for field := range t.Fields() {
		if field.Anonymous {
			if name := missing(field.Type, fields); name != "" {
				return name
			}
			continue
		}
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if options == "" && !slices.ContainsFunc(fields, func(f strictjson.Field) bool { return f.Name == name }) {
			return name
		}
	}
	return ""
}

func badJSON(err error) error {
	code := Code(submission.CodeBadJSON)
	if e, ok := errors.AsType[*strictjson.Error](err); ok && e.Duplicate {
		code = Code(submission.CodeDuplicateField)
	}
	return refuse(code, err.Error())
}

// badField says which field cannot be read.
func badField(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return refuseField(CodeBadRequest, "/"+strings.ReplaceAll(e.Field, ".", "/"), fmt.Sprintf("%s: want %s, not a %s", e.Field, wanted(e), e.Value))
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return refuse(Code(submission.CodeUnknownField), "no such field: "+printable(strings.Trim(name, `"`)))
	}
	return refuse(CodeBadRequest, "a field cannot be read: "+printable(err.Error()))
}

// wanted names a Go type in words.
func wanted(e *json.UnmarshalTypeError) string {
	switch kind := e.Type.Kind().String(); {
	case strings.HasPrefix(kind, "uint"):
		return "a whole number from 0"
	case strings.HasPrefix(kind, "int"):
		return "a whole number"
	case kind == "slice":
		return "a list"
	case kind == "struct", kind == "map":
		return "an object"
	default:
		return "a " + kind
	}
}
