package api

import "net/http"

// ForgottenHost answers POST /hosts/{host}/forget.
type ForgottenHost struct {
	Host string `json:"host"`
}

// forgetHost answers POST /hosts/{host}/forget.
func (s *Server) forgetHost(c *call) error {
	host := c.param("host")
	if err := s.scheduler.ForgetHost(c.ctx(), host); err != nil {
		return err
	}
	s.log.Info().Str("by", c.who.User).Str("host", host).Msg("host was forgotten")
	return s.write(c, http.StatusOK, ForgottenHost{Host: host})
}
