package main

import "github.com/spf13/cobra"

// keeping is how long a server keeps ended jobs and their results.
type keeping struct{ byDefault, most limitFlag }

// bindKeeping defines --default-result-ttl and --max-result-ttl. Nothing is
// forgotten unless somebody says so.
func bindKeeping(cmd *cobra.Command) *keeping {
	k := new(keeping)
	f := cmd.Flags()
	f.Var(&k.byDefault, "default-result-ttl", "how long ended jobs that name no result_ttl are kept, as 90d; none: for ever")
	f.Var(&k.most, "max-result-ttl", "longest result_ttl that jobs may have, and that of those which name none, as 365d; none: any")
	variable(f, "default-result-ttl", "MLQ_DEFAULT_RESULT_TTL")
	variable(f, "max-result-ttl", "MLQ_MAX_RESULT_TTL")
	return k
}

func (k *keeping) check() error {
	if k.most > 0 && k.byDefault > k.most {
		return misconfigured("--default-result-ttl %s is above --max-result-ttl %s", &k.byDefault, &k.most)
	}
	return nil
}
