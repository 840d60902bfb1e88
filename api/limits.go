package api

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// rates limits how often each user submits, each address tries to join, or the log tells one thing.
type rates struct {
	perSecond float64
	burst     int
	mu        sync.Mutex
	users     map[string]*rate.Limiter
}

// maxUsers bounds the memory; forgetting a limiter gives a user a new burst.
const maxUsers = 10_000

// submitsTooOften is what a user is told who submits above the rate.
const submitsTooOften = "you submit faster than the server allows one user; POST /jobs/batch takes many at once"

// allow takes n tries of a user, or says what is too often and how long to wait.
func (r *rates) allow(user string, n int, words string) error {
	if r.perSecond <= 0 {
		return nil
	}
	reservation := r.of(user).ReserveN(time.Now(), min(n, r.burst))
	wait := reservation.Delay()
	if wait == 0 {
		return nil
	}
	reservation.Cancel()
	err := refuse(CodeTooManyRequests, words)
	err.RetryAfter = wait
	return err
}

func (r *rates) of(user string) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users == nil || len(r.users) >= maxUsers {
		r.users = make(map[string]*rate.Limiter)
	}
	l, ok := r.users[user]
	if !ok {
		l = rate.NewLimiter(rate.Limit(r.perSecond), r.burst)
		r.users[user] = l
	}
	return l
}
