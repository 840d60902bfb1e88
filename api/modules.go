package api

import (
	"errors"

	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/submission"
)

// haveModules refuses calls whose archive of modules is not here, and says which one
// of them it is. Each archive is touched once, however many calls name it: from
// then on the collection leaves it to their jobs.
func (s *Server) haveModules(c *call, parsed ...*submission.Parsed) (member int, err error) {
	known := map[envelope.Blob]bool{}
	for i, p := range parsed {
		if p.Call.Modules == nil || known[*p.Call.Modules] {
			continue
		}
		if err := s.hasBlob(c, *p.Call.Modules); err != nil {
			return i, err
		}
		known[*p.Call.Modules] = true
	}
	return 0, nil
}

func (s *Server) hasBlob(c *call, ref envelope.Blob) error {
	err := s.opts.Blobs.Touch(c.ctx(), ref.SHA256)
	var there blob.Content
	if err == nil {
		there, err = s.opts.Blobs.Open(c.ctx(), ref.SHA256)
	}
	if errors.Is(err, blob.ErrNotFound) {
		return refuseField(CodeBlobMissing, "/modules/sha256", "upload the modules first with PUT /blobs/SHA256")
	}
	if err != nil {
		return err
	}
	defer there.Close() //nolint:errcheck // only its size is looked at
	if there.Size != ref.Size {
		return refuseField(CodeDigest, "/modules/size", "the uploaded modules have another size")
	}
	return nil
}
