package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/api/data"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
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
	m := marker{ctx: ctx, folder: c.opts.Folder, named: func(sum string) error {
		_, err := c.opts.Folder.Mark(ctx, sum, t)
		return err
	}}
	if err := m.functions(c.opts.Store, c.opts.Tokens); err != nil {
		return err
	}
	if err := m.data(c.opts.Store); err != nil {
		return err
	}
	return c.opts.Scheduler.EveryJob(ctx, func(job *scheduler.Job, spec scheduler.Spec) error {
		if err := m.job(job, spec); err != nil {
			return fmt.Errorf("job %d: %w", job.ID, err)
		}
		return nil
	})
}

// marker goes through what names blobs.
type marker struct {
	ctx    context.Context
	folder *blob.Folder
	named  func(sum string) error // what is done with each name
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
		return m.envelope(bytes.NewReader(body))
	}
	return nil
}

// envelope marks the archive of modules that a call's header names.
func (m *marker) envelope(r io.Reader) error {
	h, err := envelope.ReadHeader(r)
	switch {
	case errors.Is(err, envelope.ErrInvalid): // no job can need its modules
		return nil
	case err != nil: // it could not be read: what it names is not known to be unneeded
		return err
	case h.Modules == nil:
		return nil
	}
	return m.one(h.Modules.SHA256)
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
	return m.envelope(io.NewSectionReader(body, 0, body.Size))
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
	inner, err := readBlob(m.ctx, m.folder, p.Call.Ref.SHA256, maxInner)
	if err != nil {
		return ignoreGone(err)
	}
	return m.json(inner)
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

var anyDigest = regexp.MustCompile(`[0-9a-f]{64}`)

// unread marks all that could be a name in what this version cannot read.
func (m *marker) unread(text []byte) error {
	for _, sum := range anyDigest.FindAll(text, -1) {
		if err := m.one(string(sum)); err != nil {
			return err
		}
	}
	return nil
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
	text, err := readBlob(m.ctx, m.folder, manifest, blob.MaxManifest)
	if err != nil {
		return ignoreGone(err)
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

// functions marks the functions of the users that an index lists, and of those
// who have tokens: there was no such index at first.
func (m *marker) functions(st store.Store, tokens *auth.Tokens) error {
	users, err := tokens.Users(m.ctx)
	if err != nil {
		return err
	}
	for _, u := range users {
		if err := m.functionsOf(st, u.Name); err != nil {
			return err
		}
	}
	var from []byte
	for {
		page, err := scheduler.FunctionUsers(m.ctx, st, from, usersAtOnce)
		if err != nil {
			return err
		}
		for _, user := range page {
			if err := m.functionsOf(st, string(user)); err != nil {
				return err
			}
			from = append(slices.Clone(user), 0)
		}
		if len(page) < usersAtOnce {
			return nil
		}
	}
}

const usersAtOnce = 256

func (m *marker) functionsOf(st store.Store, user string) error {
	list, err := scheduler.ReadFunctions(m.ctx, st, user)
	if err != nil {
		return err
	}
	for _, f := range list {
		if err := m.one(f.SHA256); err != nil {
			return err
		}
	}
	return nil
}

// data marks what jobs keep for each other.
func (m *marker) data(st store.Store) error {
	return data.New(st).Every(m.ctx, func(_ string, item data.Item) error { return m.one(item.SHA256) })
}

func ignoreGone(err error) error {
	if errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrTooLarge) {
		return nil
	}
	return err
}
