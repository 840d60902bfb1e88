package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// What names blobs:
//
//	spec of a job       a body above 8 KiB, the envelope that a call names, and the modules that an envelope names
//	result of a job     its envelope above 8 KiB, the manifest of out/, the files in that
//	functions of a user each one's pickle
//	data of a user      each item
//
// Marks are kept in the folder itself (a file's time), so that no list of them
// is ever in memory.

// mark touches all blobs that are named and were last touched before t.
func (c *Collector) mark(ctx context.Context, t time.Time) error {
	var at scheduler.JobID // whose names are gone through
	m := marker{ctx: ctx, folder: c.opts.Folder, named: func(sum string) error {
		_, err := c.opts.Folder.Mark(ctx, sum, t)
		return err
	}, damaged: func(err error) {
		c.opts.Log.Error().Err(err).Int64("job", int64(at)).Msg("what this names is kept as far as it can be read: look at the disk, and bring it back from a backup, with the blobs that it names")
	}}
	if err := m.functions(c.opts.Store, c.opts.Tokens); err != nil {
		return err
	}
	if err := m.data(c.opts.Store); err != nil {
		return err
	}
	return c.opts.Scheduler.EveryJob(ctx, func(job *scheduler.Job, spec scheduler.Spec) error {
		at = job.ID
		if err := m.job(job, spec); err != nil {
			return fmt.Errorf("job %d: %w", job.ID, err)
		}
		return nil
	}, func(e *scheduler.DamagedError) error {
		at = e.Job
		return m.record(e)
	})
}

// marker goes through what names blobs.
type marker struct {
	ctx     context.Context
	folder  *blob.Folder
	named   func(sum string) error // what is done with each name
	damaged func(err error)        // is told of a blob, or record, that names blobs and is damaged
}

func (m *marker) job(job *scheduler.Job, spec scheduler.Spec) error {
	if err := m.spec(spec.Media, spec.Body); err != nil {
		return err
	}
	if !job.Result.Inline {
		if err := m.one(job.Result.SHA256); err != nil {
			return err
		}
	}
	return m.files(job.Result.Files)
}

// record marks what a job's record names that cannot be read any more: it may be brought back.
func (m *marker) record(e *scheduler.DamagedError) error {
	m.damaged(e)
	for _, sum := range blob.NamesIn(e.Record) {
		if err := m.files(sum); err != nil { // the list of its files is among them, if there is one
			return err
		}
	}
	return nil
}

func (m *marker) all(sums []string) error {
	for _, sum := range sums {
		if err := m.one(sum); err != nil {
			return err
		}
	}
	return nil
}

// one marks a blob. One that is gone, or no name at all, is nothing to keep.
func (m *marker) one(sum string) error {
	err := m.named(sum)
	if errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrName) {
		return nil
	}
	return err
}

// spec marks what a body names. Of call envelopes, the most by far, few name any.
func (m *marker) spec(media string, body []byte) error {
	switch media {
	case submission.MediaRef:
		return m.ref(body)
	case scheduler.MediaJSON:
		return m.json(body)
	case scheduler.MediaEnvelope:
		_, err := m.envelope(bytes.NewReader(body), int64(len(body)))
		return err
	}
	return nil
}

// envelope marks all that could be a name in a call's header, among it the archive of modules: the
// call is not hashed for this, and a damaged byte beside that name, which may be brought back, must
// not lose them. why says that it is no whole call of so many bytes; nobody can run it then.
func (m *marker) envelope(r io.Reader, size int64) (why, err error) {
	var head bytes.Buffer
	h, why := envelope.ReadHeader(io.TeeReader(r, &head))
	switch {
	case errors.Is(why, envelope.ErrInvalid): // where its header ends is not known either
		if _, err := io.CopyN(&head, r, envelope.MaxHeader); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
	case why != nil: // it could not be read: what it names is not known to be unneeded
		return nil, why
	case h.Size != size:
		why = fmt.Errorf("%w: it is of %d bytes, not %d", envelope.ErrInvalid, size, h.Size)
	}
	return why, m.unread(head.Bytes())
}

// uploaded marks an envelope that is a blob, and what that names.
func (m *marker) uploaded(sum string) error {
	if err := m.one(sum); err != nil {
		return err
	}
	body, err := m.folder.Open(m.ctx, sum)
	if err != nil {
		return ignoreGone(err)
	}
	defer body.Close() //nolint:errcheck // only read
	why, err := m.envelope(io.NewSectionReader(body, 0, body.Size), body.Size)
	if why != nil { // no such call was taken
		m.damaged(fmt.Errorf("%w: %s: %w", errDamagedBlob, sum, why))
	}
	return err
}

// ref marks a body that is a blob, and what that names in turn, however lately
// the body itself was touched: an upload of the same bytes does not touch that.
func (m *marker) ref(body []byte) error {
	p, err := submission.Parse(submission.MediaRef, body)
	if err != nil {
		return m.unread(body)
	}
	if p.Call.Ref.Media == scheduler.MediaEnvelope {
		return m.uploaded(p.Call.Ref.SHA256)
	}
	if err := m.one(p.Call.Ref.SHA256); err != nil || p.Call.Ref.Media != scheduler.MediaJSON {
		return err
	}
	inner, err := m.text(p.Call.Ref.SHA256, maxInner)
	if err != nil {
		return err
	}
	return m.json(inner)
}

// text reads a blob that names others; nil where it is gone, or no such text. Of a damaged
// one all that could be a name still is marked at once, nil then too: one bad sector stops
// no collection, and the blob may be brought back.
func (m *marker) text(sum string, limit int64) ([]byte, error) {
	text, err := readBlob(m.ctx, m.folder, sum, limit)
	if errors.Is(err, errDamagedBlob) {
		m.damaged(err)
		return nil, m.unread(text)
	}
	return text, ignoreGone(err)
}

// maxInner is above every body that names a blob: they hold small fields only.
const maxInner = 1 << 20

// json marks the envelope of {"call": …}.
func (m *marker) json(body []byte) error {
	if !bytes.Contains(body, []byte("call")) && !bytes.Contains(body, []byte(`\u`)) {
		return nil
	}
	p, err := submission.Parse(scheduler.MediaJSON, body)
	if err != nil {
		return m.unread(body)
	}
	if p.Call.Kind != submission.KindUploaded {
		return nil
	}
	return m.uploaded(p.Call.Ref.SHA256)
}

// unread marks all that could be a name in what this version cannot read, or that is not hashed.
func (m *marker) unread(text []byte) error {
	return m.all(blob.NamesIn(text))
}

// files marks a manifest and all that it lists: they were uploaded before it,
// some of them long before.
func (m *marker) files(manifest string) error {
	if manifest == "" {
		return nil
	}
	if err := m.one(manifest); err != nil {
		return err
	}
	text, err := m.text(manifest, blob.MaxManifest)
	if err != nil {
		return err
	}
	list, err := blob.ParseManifest(text)
	if err != nil {
		return m.unread(text)
	}
	for _, f := range list.Files {
		if err := m.one(f.SHA256); err != nil {
			return err
		}
	}
	return nil
}

func ignoreGone(err error) error {
	if errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrTooLarge) {
		return nil
	}
	return err
}
