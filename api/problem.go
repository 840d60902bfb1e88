package api

import (
	"net/http"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/api/secrets"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// Code names a kind of error on the wire. Codes are stable; texts are not.
type Code string

// The codes that this package decides on. The table below has them all.
const (
	CodeBadRequest      Code = "bad-request"
	CodeBadFunction     Code = "bad-function"
	CodeTokenInURL      Code = "token-in-url"
	CodeUnauthorized    Code = "unauthorized"
	CodeForbidden       Code = "forbidden"
	CodeForeignOrigin   Code = "foreign-origin"
	CodeBadLink         Code = "bad-link"
	CodeLinkExpired     Code = "link-expired"
	CodeNotFound        Code = "not-found"
	CodeNotFinished     Code = "not-finished"
	CodeMethod          Code = "method-not-allowed"
	CodeSlow            Code = "slow-request"
	CodeJobFailed       Code = "job-failed"
	CodeInUse           Code = "in-use"
	CodeBlobMissing     Code = "blob-missing"
	CodeLogGap          Code = "log-gap"
	CodeJobCancelled    Code = "job-cancelled"
	CodeGiveBack        Code = "give-back"
	CodeResultGone      Code = "result-gone"
	CodeTooLarge        Code = "too-large"
	CodeMediaType       Code = "unsupported-media-type"
	CodeEncoding        Code = "unsupported-encoding"
	CodeRange           Code = "bad-range"
	CodePrecondition    Code = "precondition-failed"
	CodeWrongHost       Code = "wrong-host"
	CodeInvalidField    Code = "invalid-field"
	CodeUnsatisfiable   Code = "unsatisfiable"
	CodeDigest          Code = "digest-mismatch"
	CodeTooManyRequests Code = "too-many-requests"
	CodeConnections     Code = "too-many-connections"
	CodeQuota           Code = "quota"
	CodeInternal        Code = "internal"
	CodeDamaged         Code = "damaged"
	CodeClaimReused     Code = "claim-reused"
	CodeUnregistered    Code = "unregistered-device"
	CodeUnavailable     Code = "store-unavailable"
	CodeStoreFull       Code = "store-full"
	CodeDiskFull        Code = "disk-full"
	CodeBlobsAway       Code = "blobs-away"
	CodeOtherBlobs      Code = "other-blobs"
	CodeHostBusy        Code = "host-busy"
	CodeBadCode         Code = "bad-code"
	CodeCodeUsed        Code = "code-used"
	CodeCodeExpired     Code = "code-expired"
	CodeHostTaken       Code = "host-taken"
	CodeUnknownSecret   Code = "unknown-secret"
	CodeNoKey           Code = "no-key"
	CodeBadAnswer       Code = "bad-answer" // only in the Go client: not an answer of MLQ
)

// kind is one row of the table of errors.
type kind struct {
	code   Code
	status int
	title  string
	// sentinel is what the code means inside: an error that wraps it is
	// answered with the code, and the client's error unwraps to it. nil where
	// only this package decides.
	sentinel error
	// retryAfter in seconds, 0 where waiting does not help.
	retryAfter int
	// python names the exception that the Python client raises.
	python string
}

// kinds is the one table of errors: for the server, for both clients, and for
// docs/reference.md (TestErrorCodesAreDocumented). Of sentinels that wrap each other the first row wins.
var kinds = []kind{
	{CodeBadRequest, 400, "The request is not valid", nil, 0, "MlqError"},
	{CodeTokenInURL, 400, "Tokens do not belong into a URL", nil, 0, "Unauthorized"},
	{Code(submission.CodeBadJSON), 400, "The body is not valid JSON", nil, 0, "MlqError"},
	{Code(submission.CodeUnknownField), 400, "There is no such field", nil, 0, "MlqError"},
	{Code(submission.CodeDuplicateField), 400, "A field stands twice", nil, 0, "MlqError"},
	{Code(submission.CodeBadEnvelope), 400, "The body is not a valid envelope", nil, 0, "MlqError"},
	{CodeBadFunction, 400, "The body is not a pickled function", nil, 0, "MlqError"},
	{CodeUnauthorized, 401, "A valid token is needed", nil, 0, "Unauthorized"},
	{CodeForbidden, 403, "This token may not do that", scheduler.ErrForbidden, 0, "Unauthorized"},
	{CodeBadCode, 403, "The join code is not valid", auth.ErrCode, 0, "MlqError"},
	{CodeForeignOrigin, 403, "Requests from other web pages are refused", nil, 0, "Unauthorized"},
	{CodeBadLink, 403, "The link is not valid", nil, 0, "Unauthorized"},
	{CodeLinkExpired, 403, "The link has expired", nil, 0, "Unauthorized"},
	{CodeDamaged, 500, "It is damaged in the store", scheduler.ErrDamaged, 0, "MlqError"}, // before the next, which it is too
	{CodeNotFound, 404, "There is no such thing", scheduler.ErrNotFound, 0, "MlqError"},
	{CodeNotFinished, 404, "The job has not finished", nil, 1, "MlqError"},
	{"unknown-host", 404, "There is no such host", scheduler.ErrUnknownHost, 0, "MlqError"},
	{"unknown-device", 404, "There is no such device", scheduler.ErrUnknownDevice, 0, "MlqError"},
	{CodeMethod, 405, "This path does not take that method", nil, 0, "MlqError"},
	{CodeSlow, 408, "The request's body came too slowly", nil, 0, "Unavailable"},
	{CodeInUse, 409, "It is still in use", nil, 0, "MlqError"},
	{CodeJobFailed, 409, "The job failed", nil, 0, "RemoteError"},
	{"job-ended", 409, "The job has ended", scheduler.ErrFinal, 0, "MlqError"},
	{"not-ended", 409, "The job has not ended", scheduler.ErrNotFinal, 0, "MlqError"},
	{"no-lease", 409, "The job holds no lease", scheduler.ErrNoLease, 0, "MlqError"},
	{"not-sick", 409, "The device is not sick", scheduler.ErrNotSick, 0, "MlqError"},
	{"would-deadlock", 409, "The wait would never end", scheduler.ErrDeadlock, 0, "MlqError"},
	{"stale-lease", 409, "The lease is over or another's", scheduler.ErrStale, 0, "MlqError"},
	{"stale-agent", 409, "Another process has this agent's name", scheduler.ErrStaleAgent, 0, "MlqError"},
	{CodeCodeUsed, 409, "The join code was used already", auth.ErrCodeUsed, 0, "MlqError"},
	{CodeHostTaken, 409, "The host's name is taken", auth.ErrHostTaken, 0, "MlqError"},
	{CodeHostBusy, 409, "Jobs run on the host", scheduler.ErrHostBusy, 0, "MlqError"},
	{"host-alive", 409, "The host is alive", scheduler.ErrHostAlive, 0, "MlqError"},
	{"rejoin", 409, "The store does not know this agent any more", scheduler.ErrRejoin, 0, "MlqError"},
	{"agent-late", 409, "The agent's leases are about to end", scheduler.ErrAgentTooLate, 0, "MlqError"},
	{"taken", 409, "Somebody else was faster", scheduler.ErrBusy, 0, "MlqError"},
	{"cancel-requested", 409, "The job is to be cancelled", scheduler.ErrCancelled, 0, "MlqError"},
	{CodeClaimReused, 409, "The claim's id is another claim's", nil, 0, "MlqError"},
	{CodeUnregistered, 409, "The host did not report this device", nil, 0, "MlqError"},
	{CodeBlobMissing, 409, "The blob was not uploaded", scheduler.ErrBlobMissing, 0, "MlqError"},
	{CodeLogGap, 409, "The log does not reach that offset yet", nil, 0, "MlqError"},
	{CodeJobCancelled, 410, "The job was cancelled", nil, 0, "JobCancelled"},
	{CodeGiveBack, 410, "This consumer is to end", nil, 0, "MlqError"},
	{CodeCodeExpired, 410, "The join code has expired", auth.ErrCodeExpired, 0, "MlqError"},
	{CodeResultGone, 410, "The result is not kept any more", nil, 0, "MlqError"},
	{CodePrecondition, 412, "It is not the version that was asked for", nil, 0, "MlqError"},
	{CodeTooLarge, 413, "Too large", store.ErrTooLarge, 0, "TooLarge"},
	{CodeMediaType, 415, "This media type is not accepted", nil, 0, "MlqError"},
	{CodeEncoding, 415, "Compressed requests are not accepted", nil, 0, "MlqError"},
	{CodeRange, 416, "This range cannot be served", nil, 0, "MlqError"},
	{CodeWrongHost, 421, "This server does not answer to that name", nil, 0, "MlqError"},
	{CodeOtherBlobs, 421, "This server does not have those blobs", nil, 0, "MlqError"},
	{CodeInvalidField, 422, "A field is not valid", scheduler.ErrInvalid, 0, "MlqError"},
	{Code(submission.CodeReservedEnv), 422, "A variable belongs to the system", nil, 0, "MlqError"},
	{CodeUnknownSecret, 422, "There is no such secret", nil, 0, "MlqError"},
	{"version-mismatch", 422, "No host has the Python of this call", scheduler.ErrVersionMismatch, 0, "VersionMismatch"},
	{CodeUnsatisfiable, 422, "No host can ever run this", scheduler.ErrUnsatisfiable, 0, "Unsatisfiable"},
	{CodeDigest, 422, "The content does not have the digest that was given", nil, 0, "MlqError"},
	{"key-reused", 422, "The idempotency key was used for something else", scheduler.ErrKeyReused, 0, "MlqError"},
	{CodeTooManyRequests, 429, "Too many requests", nil, 1, "QuotaExceeded"},
	{CodeConnections, 429, "Too many connections", nil, 1, "QuotaExceeded"},
	{CodeQuota, 429, "A limit of yours is reached", scheduler.ErrQuota, 10, "QuotaExceeded"},
	{CodeInternal, 500, "The server made a mistake", nil, 0, "MlqError"},
	{CodeStoreFull, 503, "The store is full", store.ErrFull, 2, "Unavailable"},
	{CodeUnavailable, 503, "The store is not available", store.ErrUnavailable, 2, "Unavailable"},
	{CodeBlobsAway, 503, "The server that has the blobs is away", blob.ErrAway, 2, "Unavailable"},
	{CodeNoKey, 503, "This server has not the key of the secrets", secrets.ErrKey, 60, "Unavailable"},
	{"busy", 503, "Too much changes at once", scheduler.ErrConflictRepeat, 2, "Unavailable"},
	{"held", 503, "Old jobs wait while the store's state is settled", scheduler.ErrHold, 2, "Unavailable"},
	{CodeDiskFull, 507, "The server's disk takes nothing", nil, 60, "Unavailable"},
}

var byCode = func() map[Code]*kind {
	m := make(map[Code]*kind, len(kinds))
	for i := range kinds {
		m[kinds[i].code] = &kinds[i]
	}
	return m
}()

// Problem is the body of an error: RFC 9457, application/problem+json.
type Problem struct {
	Type      string         `json:"type"` // urn:mlq:<code>
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail,omitempty"`
	Code      Code           `json:"code"`
	RequestID string         `json:"request_id,omitempty"`
	Errors    []FieldProblem `json:"errors,omitempty"`
	// Of a job that failed or was cancelled.
	Job    scheduler.JobID  `json:"job,omitempty"`
	State  scheduler.State  `json:"state,omitempty"`
	Reason scheduler.Reason `json:"reason,omitempty"`
	Remote *RemoteError     `json:"error,omitempty"`
	// Size is how long a log is, of log-gap.
	Size *int64 `json:"size,omitempty"`
}

// FieldProblem says which part of the body is wrong.
type FieldProblem struct {
	Pointer string `json:"pointer"` // RFC 6901
	Detail  string `json:"detail"`
}

// RemoteError is the exception that ended a job.
type RemoteError struct {
	Type      string `json:"type"`
	Message   string `json:"message"`
	Traceback string `json:"traceback,omitempty"`
	Module    string `json:"module,omitempty"`
}

const mediaProblem = "application/problem+json"

// statusOf is the status of a code; 500 for one that is not in the table.
func statusOf(code Code) int {
	if k, ok := byCode[code]; ok {
		return k.status
	}
	return http.StatusInternalServerError
}

// CodeInfo is one row of the table of errors.
type CodeInfo struct {
	Code   Code
	Status int
	Title  string
	Python string // the exception of the Python client
}

// Codes lists the table of errors, in its order.
func Codes() []CodeInfo {
	all := make([]CodeInfo, len(kinds))
	for i, k := range kinds {
		all[i] = CodeInfo{k.code, k.status, k.title, k.python}
	}
	return all
}
