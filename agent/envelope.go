package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/submission"
)

// uploadedFile is the call's file of an envelope that was uploaded by itself.
func (t *attempt) uploadedFile(ctx context.Context, p *submission.Parsed) (*os.File, error) {
	body, err := t.agent.fetch(ctx, p.Call.Ref.SHA256)
	if err != nil {
		return nil, err
	}
	defer closeFile(body)
	h, err := envelope.ReadHeader(body)
	if err != nil {
		return nil, badCall("the call cannot be read: %v", err)
	}
	inside, err := submission.FromHeader(h)
	if err != nil {
		return nil, badCall("the call cannot be read: %v", err)
	}
	whole := *p // what the request says stands beside the call, not in it
	whole.Call.Modules = inside.Call.Modules
	return t.envelopeFile(ctx, body, &whole, h.Size)
}

// envelopeFile streams a large envelope, of which the header was read, behind the
// call's header.
func (t *attempt) envelopeFile(ctx context.Context, body *os.File, p *submission.Parsed, size int64) (*os.File, error) {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("spool the call: %w", err)
	}
	if p.Call.Modules != nil {
		return t.withModules(ctx, p, body, size)
	}
	return t.spoolCall(p, []int64{size}, body)
}

// withModules puts the archive of the call's modules behind its envelope. Jobs of
// the same code find it in the cache.
func (t *attempt) withModules(ctx context.Context, p *submission.Parsed, body io.Reader, size int64) (*os.File, error) {
	modules := p.Call.Modules
	archive, err := t.agent.fetch(ctx, modules.SHA256)
	if err != nil {
		return nil, err
	}
	defer closeFile(archive)
	return t.spoolCall(p, []int64{size, modules.Size}, body, archive)
}

// spoolCall writes an envelope's call into a file without a name in the spool, so
// that it is gone with its last user.
func (t *attempt) spoolCall(p *submission.Parsed, sizes []int64, parts ...io.Reader) (*os.File, error) {
	prefix, err := slot.CallPrefix(slot.CallHeader{Kind: slot.CallEnvelope, Parts: sizes, FullMessage: t.fullMessage(p)})
	if err != nil {
		return nil, err
	}
	f, err := unnamed(t.agent.spool)
	if err != nil {
		return nil, fmt.Errorf("spool the call: %w", err)
	}
	if err := writeCall(f, prefix, sizes, parts); err != nil {
		return nil, errors.Join(fmt.Errorf("spool the call: %w", err), f.Close())
	}
	return f, nil
}

// writeCall fails where a part has another size than was said: all behind it would
// be read in the wrong place.
func writeCall(f *os.File, prefix []byte, sizes []int64, parts []io.Reader) error {
	if _, err := f.Write(prefix); err != nil {
		return err
	}
	for i, part := range parts {
		n, err := io.Copy(f, part)
		if err != nil {
			return err
		}
		if n != sizes[i] {
			return badCall("part %d of the call has %d bytes, not %d", i, n, sizes[i])
		}
	}
	_, err := f.Seek(0, io.SeekStart)
	return err
}
