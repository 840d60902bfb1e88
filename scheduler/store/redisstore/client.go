package redisstore

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// patience is how long one answer may take. The callers' contexts end earlier.
const patience = 3 * time.Second

// client makes the connection pool. MaxRetries -1 is what keeps go-redis from
// repeating a command whose answer was lost.
func (t target) client() *redis.Client {
	if t.master != "" {
		return redis.NewFailoverClient(t.failover())
	}
	o := &redis.Options{
		Network:               t.network,
		Addr:                  t.addrs[0],
		Username:              t.user,
		Password:              t.password,
		DB:                    t.db,
		TLSConfig:             t.tls,
		Protocol:              2,
		PoolSize:              couriers,
		PipelinePoolSize:      -1, // pipelines are all that we send
		MaxRetries:            -1,
		DialerRetries:         1,
		DialTimeout:           patience,
		ReadTimeout:           patience,
		WriteTimeout:          patience,
		ContextTimeoutEnabled: true,
		DisableIdentity:       true,
		OnConnect:             onlyMaster,
	}
	o.Dialer = dialer(o)
	return redis.NewClient(o)
}

func (t target) failover() *redis.FailoverOptions {
	return &redis.FailoverOptions{
		Dialer:                dialer(&redis.Options{DialTimeout: patience, TLSConfig: t.tls}),
		MasterName:            t.master,
		SentinelAddrs:         t.addrs,
		SentinelUsername:      t.sentinelUser,
		SentinelPassword:      t.sentinelPassword,
		TLSConfig:             t.tls,
		Username:              t.user,
		Password:              t.password,
		DB:                    t.db,
		Protocol:              2,
		PoolSize:              couriers,
		PipelinePoolSize:      -1, // pipelines are all that we send
		MaxRetries:            -1,
		DialerRetries:         1,
		DialTimeout:           patience,
		ReadTimeout:           patience,
		WriteTimeout:          patience,
		ContextTimeoutEnabled: true,
		DisableIdentity:       true,
		OnConnect:             onlyMaster,
	}
}

// silent keeps go-redis from writing to the standard error: whatever goes wrong
// is in an error that we return.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

func init() { redis.SetLogger(silent{}) }
