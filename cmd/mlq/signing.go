package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/keyfile"
	"github.com/mlq-dev/mlq/internal/signing"
)

func signingKeyFlag(f *pflag.FlagSet) *string {
	path := f.String("signing-key-file", "", "file with the keys by which jobs are signed, the same for all servers of a store (default DATA/signing.key, made at the first start)")
	variable(f, "signing-key-file", "MLQ_SIGNING_KEY_FILE")
	return path
}

// signingFile is the file of the signing keys.
func (c *serverConfig) signingFile() signing.File {
	if c.signingKey != "" {
		return signing.File{Path: c.signingKey}
	}
	return signing.File{Path: c.data.join("signing.key")}
}

// openRing reads the keys, or makes the first one where nothing in the store is signed yet.
func (s *server) openRing(ctx context.Context, c serverConfig) error {
	file := c.signingFile()
	first, others, err := file.Read()
	if errors.Is(err, signing.ErrNoFile) {
		if err := s.makeRing(ctx, file); err != nil {
			return err
		}
		first, others, err = file.Read()
	}
	if err != nil {
		return misconfigured("signing keys: %w", err)
	}
	s.ring = signing.NewRing(c.store.scope, first, others...)
	return nil
}

func (s *server) makeRing(ctx context.Context, file signing.File) error {
	m, err := readMarks(file)
	if err == nil && !m.ordered {
		err = auth.New(s.store, auth.Options{Ring: new(signing.Ring)}).Fits(ctx)
	}
	if errors.Is(err, auth.ErrOtherKey) {
		return otherKey(err, file)
	}
	if err != nil {
		return fmt.Errorf("signing keys: %w", err)
	}
	// The mark first: a start that ends between the two does both again.
	if err := keyfile.WriteNew(adoptMark(file), byFirstKey); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("signing keys: %w", err)
	}
	if err := file.Make(); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("signing keys: %w", err)
	}
	return nil
}

func otherKey(err error, file signing.File) error {
	return misconfigured("%w, which is not in %s", err, file.Path).
		with("copy DATA/signing.key of a server of this store to this one (mode 0600); if it is lost: mlq signer new, which takes all that the store has for genuine; if it was stolen and taken out: mlq signer refuse, after which all that it signed is refused")
}

// fitRing refuses a store that other keys sign, unless an admin has decided about them.
func (s *server) fitRing(ctx context.Context, c serverConfig) error {
	file := c.signingFile()
	m, err := readMarks(file)
	if err == nil && !m.ordered && !m.refuse {
		err = s.tokens.Fits(ctx)
	}
	if err != nil {
		return notBound(err, file, m)
	}
	return nil
}

// notBound tells that. The mark of a first key that is none goes.
func notBound(err error, file signing.File, m marks) error {
	if errors.Is(err, auth.ErrOtherKey) {
		return errors.Join(otherKey(err, file), m.clear())
	}
	return fmt.Errorf("signing keys: %w", err)
}

// bindRing has the store signed by this server's keys: it notes which one, and signs
// anew what an older key has signed, or all once, where a mark says so.
func (s *server) bindRing(ctx context.Context, c serverConfig) error {
	file := c.signingFile()
	m, err := readMarks(file)
	if err == nil && (m.ordered || m.refuse) { // whatever key was there
		err = s.tokens.Unbind(ctx)
	}
	if err == nil {
		err = s.tokens.Bind(ctx)
	}
	if err != nil {
		return notBound(err, file, m)
	}
	s.tellRing(c.log, m)
	if err := s.obey(ctx, c, m); err != nil {
		return fmt.Errorf("signing keys: %w", err)
	}
	return m.clear()
}

func (s *server) obey(ctx context.Context, c serverConfig, m marks) error {
	if m.adopt || len(s.ring.Keys) > 1 {
		if err := s.signAll(ctx, c, m.adopt); err != nil {
			return err
		}
	}
	if m.refuse { // the first admin's token too
		return s.tokens.ForgetRefused(ctx, c.data.path)
	}
	return nil
}

// tellRing says which keys there are. What mlq signer did to the file is seen here, when
// it comes to hold: that command asks no server, so that the audit log cannot have it.
func (s *server) tellRing(log zerolog.Logger, m marks) {
	valid := make([]string, len(s.ring.Keys))
	for i, k := range s.ring.Keys {
		valid[i] = k.ID()
	}
	level := zerolog.InfoLevel
	if m.ordered || m.refuse {
		level = zerolog.WarnLevel
	}
	log.WithLevel(level).Str("signs", s.ring.First().ID()).Strs("valid", valid).
		Bool("adopts_all", m.adopt).Bool("refuses_others", m.refuse).Msg("signing keys")
}

func (s *server) signAll(ctx context.Context, c serverConfig, adopt bool) error {
	jobs, err := s.scheduler.SignAll(ctx, adopt)
	if err != nil {
		return err
	}
	records, forged, err := s.tokens.SignAll(ctx, adopt)
	if err != nil {
		return err
	}
	left := jobs.Refused + forged
	if jobs.Signed+records+left == 0 && len(s.ring.Keys) == 1 {
		return nil // there is no other key of which somebody waits to hear
	}
	level, more := zerolog.InfoLevel, ""
	if left > 0 {
		level, more = zerolog.WarnLevel, "; what none of the keys has signed is refused"
	}
	c.log.WithLevel(level).Str("key", s.ring.First().ID()).Bool("adopted", adopt).Int("jobs", jobs.Signed).Int("records", records).Int("left_unsigned", left).
		Msg("signed anew with the first key: nothing is left of the others" + more)
	return nil
}
