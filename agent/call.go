package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// call is a job's call as it will be handed to the slot, and what its request
// says beside.
type call struct {
	files   []*os.File // slot.CallFile's one, or slot.CallFiles
	request scheduler.Request
	cwd     string
}

// readCall makes the call's file of the spec: the same bytes that the server
// checked, read by the same parser. Large bodies come through the cache.
// A *badCallError means that it can never run; every other error, that it
// could not be fetched.
func (t *attempt) readCall(ctx context.Context) (call, error) {
	parsed, err := submission.Parse(t.spec.Media, t.spec.Body)
	if err != nil {
		return call{}, badCall("the call cannot be read: %v", err)
	}
	if parsed.Call.Kind == submission.KindRef {
		return t.readElsewhere(ctx, parsed.Call.Ref)
	}
	f, err := t.callFiles(ctx, parsed)
	return call{files: f, request: parsed.Request, cwd: parsed.Call.Cwd}, err
}

// readElsewhere reads a body that was too large for the store. An envelope is
// not loaded: only its header is read here.
func (t *attempt) readElsewhere(ctx context.Context, ref submission.Ref) (call, error) {
	body, err := t.agent.fetch(ctx, ref.SHA256)
	if err != nil {
		return call{}, err
	}
	if ref.Media != scheduler.MediaEnvelope {
		defer closeFile(body)
		return t.readLargeJSON(ctx, ref, body)
	}
	parsed, err := readUploaded(body)
	if err != nil {
		closeFile(body)
		return call{}, err
	}
	f, err := t.envelopeFiles(ctx, parsed, body)
	return call{files: f, request: parsed.Request}, err
}

func (t *attempt) readLargeJSON(ctx context.Context, ref submission.Ref, body io.Reader) (call, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return call{}, fmt.Errorf("read the payload: %w", err)
	}
	parsed, err := submission.Parse(ref.Media, text)
	if err != nil {
		return call{}, badCall("the call cannot be read: %v", err)
	}
	f, err := t.callFiles(ctx, parsed)
	return call{files: f, request: parsed.Request, cwd: parsed.Call.Cwd}, err
}

// callFiles lays out the call for the slot. What is in memory becomes one file.
func (t *attempt) callFiles(ctx context.Context, p *submission.Parsed) ([]*os.File, error) {
	switch {
	case p.Call.Kind == submission.KindUploaded:
		return t.uploadedFiles(ctx, p)
	case p.Call.Kind == submission.KindEnvelope && p.Call.Modules != nil:
		body, err := slot.CallPart(p.Body)
		if err != nil {
			return nil, err
		}
		return t.envelopeFiles(ctx, p, body)
	}
	f, err := t.callFile(ctx, p)
	if err != nil {
		return nil, err
	}
	return []*os.File{f}, nil
}

func (t *attempt) callFile(ctx context.Context, p *submission.Parsed) (*os.File, error) {
	c := p.Call
	h := slot.CallHeader{FullMessage: t.fullMessage(p)}
	switch c.Kind {
	case submission.KindEnvelope:
		h.Kind = slot.CallEnvelope
		return slot.CallFile(h, p.Body)
	case submission.KindMessage:
		return t.messageFile(ctx, h, c)
	case submission.KindSource:
		h.Kind, h.Function, h.Filename, h.NoMessage = slot.CallSource, c.Function, c.Filename, c.Msg == nil
		return slot.CallFile(h, []byte(c.Source), c.Msg)
	case submission.KindConsumer:
		return t.consumerFile(ctx, h, c.Function)
	case submission.KindHold:
		return holdFile(h, p.Request.Timeout)
	case submission.KindCommand:
		h.Kind, h.Cwd = slot.CallCommand, c.Cwd
		words, err := json.Marshal(c.Command)
		if err != nil {
			return nil, badCall("the command cannot be encoded: %v", err)
		}
		return slot.CallFile(h, words)
	}
	return nil, badCall("no such kind of call: %q", c.Kind)
}

// messageFile looks the named functions up now, not when the job was
// submitted: a function that is registered anew is the one that runs.
func (t *attempt) messageFile(ctx context.Context, h slot.CallHeader, c submission.Call) (*os.File, error) {
	known, err := t.functions(ctx)
	if err != nil {
		return nil, err
	}
	chosen, missing := chooseFunctions(known, c.Functions)
	if len(missing) > 0 {
		return nil, &missingFunctionsError{missing}
	}
	h.Kind = slot.CallMessage
	parts := make([][]byte, 0, len(chosen)+1)
	for _, f := range chosen {
		pickle, err := t.agent.fetchAll(ctx, f.SHA256)
		if err != nil {
			return nil, err
		}
		h.Names = append(h.Names, f.Name)
		parts = append(parts, pickle)
	}
	return slot.CallFile(h, append(parts, c.Msg)...)
}

// functions are those of the job's user, as they are registered now.
func (t *attempt) functions(ctx context.Context) ([]Function, error) {
	known, err := t.agent.opts.API.Functions(ctx, t.job.User)
	if err != nil {
		t.agent.away.note()
		return nil, fmt.Errorf("%w: %w", errAPIAway, err)
	}
	return known, nil
}

// consumerFile has the function that the process is to keep loaded, as it is registered now.
func (t *attempt) consumerFile(ctx context.Context, h slot.CallHeader, name string) (*os.File, error) {
	known, err := t.functions(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(known, func(f Function) bool { return f.Name == name && f.Keep })
	if i < 0 {
		return nil, badCall("no function %q is registered that is to be kept loaded", name)
	}
	f := known[i]
	body, err := t.agent.fetchAll(ctx, f.SHA256)
	if err != nil {
		return nil, err
	}
	h.Kind, h.Names, h.Form, h.Idle, h.Filename = slot.CallConsumer, []string{name}, f.Form, f.Idle, f.Filename
	return slot.CallFile(h, body)
}

// chooseFunctions is pure: those with these names in that order, all for nil; or
// which of them are not registered, scheduler.AnyFunction where there is none at all.
// One that is with consumers by now is none for a host: the message goes there.
func chooseFunctions(known []Function, names []string) (chosen []Function, missing []string) {
	if names == nil {
		names = make([]string, len(known))
		for i, f := range known {
			names[i] = f.Name
		}
		if len(known) == 0 || slices.ContainsFunc(known, Function.consumed) {
			return nil, []string{scheduler.AnyFunction}
		}
	}
	for _, name := range names {
		i := slices.IndexFunc(known, func(f Function) bool { return f.Name == name })
		switch {
		case i >= 0 && !known[i].consumed():
			chosen = append(chosen, known[i])
		case !slices.Contains(missing, name):
			missing = append(missing, name)
		}
	}
	return chosen, missing
}

// missingFunctionsError: functions of a message were removed while it waited.
type missingFunctionsError struct{ names []string }

func (e *missingFunctionsError) Error() string { return scheduler.AwaitsInWords(e.names) }

// fullMessage is what a function finds as full_message, under the names that
// its users know.
func (t *attempt) fullMessage(p *submission.Parsed) json.RawMessage {
	return p.FullMessage(submission.Running{
		ID: t.ref.Job, Submitted: t.job.Submitted, Started: time.Now(), Worker: t.agent.opts.Name + "/" + t.devices[0], Attempt: t.n,
	})
}
