package agent

import (
	"context"
	"fmt"
	"os"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/submission"
)

// uploadedFiles is the call of an envelope that was uploaded by itself.
func (t *attempt) uploadedFiles(ctx context.Context, p *submission.Parsed) ([]*os.File, error) {
	body, err := t.agent.fetch(ctx, p.Call.Ref.SHA256)
	if err != nil {
		return nil, err
	}
	inside, err := readUploaded(body)
	if err != nil {
		closeFile(body)
		return nil, err
	}
	whole := *p // what the request says stands beside the call, not in it
	whole.Call.Modules = inside.Call.Modules
	return t.envelopeFiles(ctx, &whole, body)
}

// readUploaded reads the header of an envelope, which is not loaded.
func readUploaded(body *os.File) (*submission.Parsed, error) {
	info, err := body.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the payload: %w", err)
	}
	h, err := envelope.ReadHeader(body)
	if err != nil {
		return nil, badCall("the call cannot be read: %v", err)
	}
	if h.Size != info.Size() {
		return nil, badCall("the call has %d bytes, and its header says %d", info.Size(), h.Size)
	}
	parsed, err := submission.FromHeader(h)
	if err != nil {
		return nil, badCall("the call cannot be read: %v", err)
	}
	return parsed, nil
}

// envelopeFiles are an envelope's call, from where it is: the job gets a descriptor
// of the cache's file, which cannot be written through, and no copy. Behind it stands
// the archive of its modules, if it names one; jobs of the same code find that in the
// cache. body is closed where there is an error.
func (t *attempt) envelopeFiles(ctx context.Context, p *submission.Parsed, body *os.File) ([]*os.File, error) {
	parts := []*os.File{body}
	if modules := p.Call.Modules; modules != nil {
		archive, err := t.agent.fetch(ctx, modules.SHA256)
		if err != nil {
			closeFile(body)
			return nil, err
		}
		parts = append(parts, archive)
	}
	files, err := slot.CallFiles(slot.CallHeader{Kind: slot.CallEnvelope, FullMessage: t.fullMessage(p)}, parts...)
	if err != nil {
		closeFiles(parts)
		return nil, fmt.Errorf("lay out the call: %w", err)
	}
	return files, nil
}
