package api

import (
	"context"
	"errors"
	"net/http"
	"path"
	"strings"

	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
)

// manifest reads what lay in a job's out/; a job without files has an empty one.
func (s *Server) manifest(ctx context.Context, job *scheduler.Job) (blob.Manifest, error) {
	if job.Result.Files == "" {
		return blob.Manifest{Files: []blob.File{}}, nil
	}
	text, err := readBlob(ctx, s.opts.Blobs, job.Result.Files, blob.MaxManifest)
	if errors.Is(err, blob.ErrNotFound) {
		return blob.Manifest{}, resultGone(job)
	}
	if err != nil {
		return blob.Manifest{}, s.resultDamaged(job, err)
	}
	return blob.ParseManifest(text)
}

// listFiles answers GET /jobs/{id}/files.
func (s *Server) listFiles(c *call) error {
	job, err := s.pathJob(c)
	if err != nil {
		return err
	}
	m, err := s.manifest(c.ctx(), &job)
	if err != nil {
		return err
	}
	return s.write(c, http.StatusOK, m)
}

// getFile answers GET /jobs/{id}/files/NAME. The name is looked up in the
// manifest; it never becomes a path.
func (s *Server) getFile(c *call) error {
	job, err := s.pathJob(c)
	if err != nil {
		return err
	}
	name, ok := strings.CutPrefix(c.r.URL.Path, "/jobs/"+c.param("id")+"/files/") // decoded once, as it came
	if !ok || !blob.CleanName(name) {
		return noSuchFile()
	}
	m, err := s.manifest(c.ctx(), &job)
	if err != nil {
		return err
	}
	entry, ok := m.Find(name)
	if !ok {
		return noSuchFile()
	}
	if !c.compares() && !c.bodiless(entry.SHA256) {
		if err := s.intact(c, &job, entry.SHA256); err != nil {
			return err
		}
	}
	file, err := s.opts.Blobs.Open(c.ctx(), entry.SHA256)
	if errors.Is(err, blob.ErrNotFound) {
		return resultGone(&job)
	}
	if err != nil {
		return err
	}
	return s.serveContent(c, partOf(file, 0, file.Size), fileAs(name, entry.SHA256))
}

func noSuchFile() error { return refuse(CodeNotFound, "the job has no such file") }

// fileAs decides how a file is shown, by its ending alone.
func fileAs(name, sum string) served {
	ext := strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
	if media, ok := extensions[ext]; ok {
		return served{media: media, etag: sum}
	}
	return served{media: mediaBytes, filename: headerName(path.Base(name)), etag: sum}
}

// headerName is a file's name fit for a header.
func headerName(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' || r == '%' {
			return '_'
		}
		return r
	}, name)
}
