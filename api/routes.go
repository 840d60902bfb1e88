package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/mlq-dev/mlq/api/auth"
)

// route is one row of the table of routes.
type route struct {
	method  string
	pattern string
	// roles that may use it; nil: everybody, without a token. An admin may
	// use every one.
	roles  []auth.Role
	handle handler

	latency observer // set when the router is built
}

// The groups of roles.
var (
	anyone   []auth.Role
	users    = []auth.Role{auth.RoleUser, auth.RoleAttempt}
	owners   = []auth.Role{auth.RoleUser} // not their jobs
	agents   = []auth.Role{auth.RoleAgent}
	persons  = []auth.Role{auth.RoleUser}
	both     = []auth.Role{auth.RoleUser, auth.RoleAttempt, auth.RoleAgent}
	people   = []auth.Role{auth.RoleUser, auth.RoleAgent}
	counts   = []auth.Role{auth.RoleUser, auth.RoleAttempt, auth.RoleMetrics}
	metering = []auth.Role{auth.RoleMetrics}
	admins   = []auth.Role{auth.RoleAdmin}
	servers  = []auth.Role{auth.RoleServer}
	everyone = []auth.Role{auth.RoleUser, auth.RoleAttempt, auth.RoleAgent, auth.RoleMetrics, auth.RoleServer}
	fetchers = []auth.Role{auth.RoleAgent, auth.RoleServer}
	senders  = []auth.Role{auth.RoleUser, auth.RoleAttempt, auth.RoleAgent, auth.RoleServer}
)

// routes is the whole interface; openapi.yaml describes the same (TestOpenAPIMatchesRoutes).
func routes() []route {
	return []route{
		{method: "POST", pattern: "/jobs", roles: users, handle: (*Server).submit},
		{method: "POST", pattern: "/jobs/batch", roles: users, handle: (*Server).submitBatch},
		{method: "GET", pattern: "/jobs", roles: users, handle: (*Server).listJobs},
		{method: "DELETE", pattern: "/jobs", roles: users, handle: (*Server).cancelJobs},
		{method: "GET", pattern: "/jobs/count", roles: counts, handle: (*Server).countJobs},
		{method: "POST", pattern: "/jobs/requeue", roles: users, handle: (*Server).requeueJobs},
		{method: "GET", pattern: "/jobs/{id}", roles: users, handle: (*Server).getJob},
		{method: "DELETE", pattern: "/jobs/{id}", roles: users, handle: (*Server).cancelJob},
		{method: "GET", pattern: "/jobs/{id}/progress", roles: users, handle: (*Server).getProgress},
		{method: "GET", pattern: "/jobs/{id}/result", roles: users, handle: (*Server).getResult},
		{method: "GET", pattern: "/jobs/{id}/result.{ext}", roles: users, handle: (*Server).getResult},
		{method: "GET", pattern: "/jobs/{id}/short_result", roles: users, handle: (*Server).getShortResult},
		{method: "GET", pattern: "/jobs/{id}/files", roles: users, handle: (*Server).listFiles},
		{method: "GET", pattern: "/jobs/{id}/files/*", roles: users, handle: (*Server).getFile},
		{method: "GET", pattern: "/jobs/{id}/logs", roles: users, handle: (*Server).getLogs},
		{method: "GET", pattern: "/jobs/{id}/events", roles: users, handle: (*Server).jobEvents},
		{method: "POST", pattern: "/jobs/{id}/requeue", roles: users, handle: (*Server).requeueJob},
		{method: "POST", pattern: "/jobs/{id}/links", roles: persons, handle: (*Server).createLink},
		{method: "PUT", pattern: "/jobs/{id}/blocked", roles: users, handle: (*Server).putBlocked},
		{method: "DELETE", pattern: "/jobs/{id}/blocked", roles: users, handle: (*Server).deleteBlocked},
		{method: "GET", pattern: "/jobs/{id}/why", roles: users, handle: (*Server).whyJob},
		{method: "PUT", pattern: "/jobs/{id}/attempts/{n}/log", roles: agents, handle: (*Server).putLog},
		{method: "GET", pattern: "/jobs/{id}/attempts/{n}/secrets", roles: agents, handle: (*Server).attemptSecrets},
		{method: "GET", pattern: "/secrets", roles: owners, handle: (*Server).listSecrets},
		{method: "PUT", pattern: "/secrets/{name}", roles: owners, handle: (*Server).putSecret},
		{method: "DELETE", pattern: "/secrets/{name}", roles: owners, handle: (*Server).deleteSecret},
		{method: "GET", pattern: "/data", roles: users, handle: (*Server).listData},
		{method: "PUT", pattern: "/data/*", roles: users, handle: (*Server).putData},
		{method: "GET", pattern: "/data/*", roles: users, handle: (*Server).getData},
		{method: "DELETE", pattern: "/data/*", roles: users, handle: (*Server).deleteData},
		{method: "GET", pattern: "/events", roles: users, handle: (*Server).allEvents},
		{method: "GET", pattern: "/consumer", roles: both, handle: (*Server).listFunctions},
		{method: "POST", pattern: "/consumer", roles: users, handle: (*Server).putFunction},
		{method: "DELETE", pattern: "/consumer", roles: users, handle: (*Server).deleteFunction},
		{method: "POST", pattern: "/consumer/take", roles: users, handle: (*Server).take},
		{method: "POST", pattern: "/consumer/renew", roles: users, handle: (*Server).consumerRenew},
		{method: "POST", pattern: "/consumer/progress", roles: users, handle: (*Server).consumerProgress},
		{method: "PUT", pattern: "/consumer/log", roles: users, handle: (*Server).consumerLog},
		{method: "POST", pattern: "/consumer/finish", roles: users, handle: (*Server).consumerFinish},
		{method: "GET", pattern: "/leases", roles: admins, handle: (*Server).listLeases},
		{method: "DELETE", pattern: "/leases/{job}", roles: admins, handle: (*Server).revokeLease},
		{method: "GET", pattern: "/hosts", roles: people, handle: (*Server).listHosts},
		{method: "POST", pattern: "/hosts", roles: admins, handle: (*Server).addHost},
		{method: "DELETE", pattern: "/hosts/{host}", roles: admins, handle: (*Server).removeHost},
		{method: "POST", pattern: "/join", roles: anyone, handle: (*Server).join},
		{method: "POST", pattern: "/hosts/{host}/drain", roles: admins, handle: drain(true)},
		{method: "POST", pattern: "/hosts/{host}/forget", roles: admins, handle: (*Server).forgetHost},
		{method: "POST", pattern: "/hosts/{host}/undrain", roles: admins, handle: drain(false)},
		{method: "POST", pattern: "/hosts/{host}/detach", roles: admins, handle: orderHost(detach)},
		{method: "POST", pattern: "/hosts/{host}/attach", roles: admins, handle: orderHost(attach)},
		{method: "GET", pattern: "/agents/{host}", roles: agents, handle: agentGet((*Server).agentState)},
		{method: "POST", pattern: "/agents/{host}/join", roles: agents, handle: agentCall(maxInventory, (*Server).agentJoin)},
		{method: "POST", pattern: "/agents/{host}/takeover", roles: agents, handle: agentCall(maxAgentBody, (*Server).agentTakeOver)},
		{method: "POST", pattern: "/agents/{host}/report", roles: agents, handle: agentCall(maxInventory, (*Server).agentReport)},
		{method: "POST", pattern: "/agents/{host}/renew", roles: agents, handle: agentCall(maxAgentBody, (*Server).agentRenew)},
		{method: "GET", pattern: "/agents/{host}/notices", roles: agents, handle: (*Server).agentNotices},
		{method: "POST", pattern: "/agents/{host}/view", roles: agents, handle: agentCall(maxInventory, (*Server).agentView)},
		{method: "GET", pattern: "/agents/{host}/revision", roles: agents, handle: agentGet((*Server).agentRevision)},
		{method: "GET", pattern: "/agents/{host}/orders", roles: agents, handle: agentGet((*Server).agentOrders)},
		{method: "GET", pattern: "/agents/{host}/signers", roles: agents, handle: agentGet((*Server).agentSigners)},
		{method: "POST", pattern: "/agents/{host}/idle", roles: agents, handle: agentCall(maxAgentBody, (*Server).agentIdle)},
		{method: "GET", pattern: "/agents/{host}/jobs/{id}", roles: agents, handle: agentGet((*Server).agentJob)},
		{method: "GET", pattern: "/agents/{host}/jobs/{id}/spec", roles: agents, handle: agentGet((*Server).agentSpec)},
		{method: "POST", pattern: "/agents/{host}/claim", roles: agents, handle: agentCall(maxAgentBody, (*Server).agentClaim)},
		{method: "POST", pattern: "/agents/{host}/start", roles: agents, handle: agentCall(maxAgentBody, (*Server).agentStart)},
		{method: "POST", pattern: "/agents/{host}/progress", roles: agents, handle: agentCall(maxAgentBody, (*Server).agentProgress)},
		{method: "POST", pattern: "/agents/{host}/finish", roles: agents, handle: agentCall(maxAgentBody, (*Server).agentFinish)},
		{method: "POST", pattern: "/agents/{host}/release", roles: agents, handle: agentCall(maxAgentBody, (*Server).agentRelease)},
		{method: "GET", pattern: "/gpus", roles: people, handle: (*Server).listGPUs},
		{method: "POST", pattern: "/gpus/{uuid}/drain", roles: admins, handle: drainDevice(true)},
		{method: "POST", pattern: "/gpus/{uuid}/undrain", roles: admins, handle: drainDevice(false)},
		{method: "POST", pattern: "/gpus/{uuid}/reset-health", roles: admins, handle: orderDevice(resetHealth)},
		{method: "POST", pattern: "/gpus/{uuid}/detach", roles: admins, handle: orderDevice(detach)},
		{method: "POST", pattern: "/gpus/{uuid}/attach", roles: admins, handle: orderDevice(attach)},
		{method: "POST", pattern: "/gpus/{uuid}/tolerate", roles: admins, handle: orderDevice(tolerate)},
		{method: "POST", pattern: "/gpus/{uuid}/untolerate", roles: admins, handle: orderDevice(untolerate)},
		{method: "GET", pattern: "/usage/disk", roles: users, handle: (*Server).diskUsage},
		{method: "POST", pattern: "/purge", roles: users, handle: (*Server).purgeJobs},
		{method: "GET", pattern: "/queue", roles: people, handle: (*Server).listQueue},
		{method: "PUT", pattern: "/blobs/{sha256}", roles: senders, handle: (*Server).putBlob},
		{method: "GET", pattern: "/blobs/{sha256}", roles: fetchers, handle: (*Server).getBlob},
		{method: "POST", pattern: "/blobs", roles: senders, handle: (*Server).addBlob},
		{method: "GET", pattern: "/blobs", roles: servers, handle: (*Server).getBlobFolder},
		{method: "GET", pattern: "/blobs/logs/{job}/{n}", roles: servers, handle: (*Server).getRawLog},
		{method: "PUT", pattern: "/blobs/logs/{job}/{n}", roles: servers, handle: (*Server).putRawLog},
		{method: "GET", pattern: "/whoami", roles: everyone, handle: (*Server).whoami},
		{method: "GET", pattern: "/users", roles: users, handle: (*Server).listUsers},
		{method: "GET", pattern: "/users/{name}", roles: users, handle: (*Server).getUser},
		{method: "PUT", pattern: "/users/{name}", roles: admins, handle: (*Server).putUser},
		{method: "PATCH", pattern: "/users/{name}", roles: admins, handle: (*Server).patchUser},
		{method: "DELETE", pattern: "/users/{name}", roles: admins, handle: (*Server).removeUser},
		{method: "GET", pattern: "/usage", roles: users, handle: (*Server).getUsage},
		{method: "GET", pattern: "/tokens", roles: admins, handle: (*Server).listTokens},
		{method: "POST", pattern: "/tokens", roles: admins, handle: (*Server).createToken},
		{method: "DELETE", pattern: "/tokens/{id}", roles: admins, handle: (*Server).revokeToken},
		{method: "GET", pattern: "/metrics", roles: metering, handle: (*Server).getMetrics},
		{method: "GET", pattern: "/audit", roles: admins, handle: (*Server).listAudit},
		{method: "POST", pattern: "/backup", roles: admins, handle: (*Server).beginBackup},
		{method: "GET", pattern: "/backup/store", roles: admins, handle: (*Server).backupStore},
		{method: "GET", pattern: "/backup/files", roles: admins, handle: (*Server).backupFiles},
		{method: "GET", pattern: "/healthz", roles: anyone, handle: (*Server).healthz},
		{method: "GET", pattern: "/readyz", roles: anyone, handle: (*Server).readyz},
		{method: "GET", pattern: "/openapi.yaml", roles: anyone, handle: (*Server).openAPI},
		{method: "GET", pattern: "/client/", roles: anyone, handle: (*Server).listClient},
		{method: "GET", pattern: "/client/{wheel}", roles: anyone, handle: (*Server).getClient},
		{method: "GET", pattern: "/", roles: anyone, handle: (*Server).getPage},
		{method: "GET", pattern: "/web/{file}", roles: anyone, handle: (*Server).getPageFile},
	}
}

// public reports whether a path needs no token.
func public(path string) bool {
	switch path {
	case "/healthz", "/readyz", "/openapi.yaml", "/join":
		return true
	}
	return ofPage(path) || ofClient(path)
}

// router builds the routes. HEAD is GET without the body.
func (s *Server) router() *chi.Mux {
	mux := chi.NewRouter()
	table := routes()
	for i := range table {
		rt := &table[i]
		rt.latency = s.metrics.latency(rt.method, rt.pattern)
		mux.MethodFunc(rt.method, rt.pattern, s.serve(rt))
		if rt.method == http.MethodGet {
			mux.Head(rt.pattern, s.serve(rt))
		}
	}
	mux.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		s.fail(w.(*call), refuse(CodeNotFound, "no such path; GET /openapi.yaml lists all"))
	})
	mux.MethodNotAllowed(func(w http.ResponseWriter, _ *http.Request) { s.notAllowed(w.(*call)) })
	return mux
}

// serve checks the roles of a route, then runs its handler.
func (s *Server) serve(rt *route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := w.(*call) //nolint:forcetypeassert // ServeHTTP hands on nothing else
		c.r, c.route = r, rt
		if !rt.allows(c.who.Role) {
			s.noteRefused(c)
			s.fail(c, refuse(CodeForbidden, "this needs a token of the role "+rt.wants()))
			return
		}
		if err := s.hasBlobsFor(c); err != nil {
			s.fail(c, err)
			return
		}
		if rt.bodiless() {
			s.boundUnread(c, http.StatusOK)
		}
		if c.audited() {
			c.noteBody()
			defer s.audit(c)
		}
		c.within = true
		err := rt.handle(s, c)
		c.within = false
		if err != nil {
			s.fail(c, err)
		}
	}
}

// bodiless: the handler reads no body. One that comes all the same is left.
func (rt *route) bodiless() bool {
	switch rt.method {
	case http.MethodPut, http.MethodPatch:
		return false
	case http.MethodPost:
		if strings.HasPrefix(rt.pattern, "/agents/") || strings.HasPrefix(rt.pattern, "/consumer/") {
			return false
		}
		return !slices.Contains([]string{"/jobs", "/jobs/batch", "/consumer", "/tokens", "/hosts", "/join", "/jobs/{id}/links"}, rt.pattern)
	}
	return rt.method != http.MethodDelete || rt.pattern != "/consumer"
}

func (rt *route) allows(role auth.Role) bool {
	return rt.roles == nil || role == auth.RoleAdmin || slices.Contains(rt.roles, role)
}

func (rt *route) wants() string {
	for _, role := range rt.roles {
		if role != auth.RoleAttempt {
			return string(role)
		}
	}
	return string(auth.RoleAdmin)
}

// notAllowed answers 405 and says which methods there are.
func (s *Server) notAllowed(c *call) {
	var allowed []string
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		if s.mux.Match(chi.NewRouteContext(), method, c.r.URL.Path) {
			allowed = append(allowed, method)
		}
	}
	c.Header().Set("Allow", strings.Join(allowed, ", "))
	s.fail(c, refuse(CodeMethod, "this path takes "+strings.Join(allowed, ", ")))
}

// param is a part of the path, as the router found it.
func (c *call) param(name string) string { return chi.URLParam(c.r, name) }
