#!/usr/bin/env bash
# Answers a target whose part does not exist yet: says so, and fails.
echo "make: $1 has nothing to run: $2 are not part of this version yet" >&2
exit 2
