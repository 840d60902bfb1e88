-- The least that an enqueue can be: a number, a record, a place in the order.
-- KEYS: counter, order, prefix of records   ARGV: body   Returns: the id.
local id = redis.call('INCR', KEYS[1])
redis.call('SET', KEYS[3] .. id, ARGV[1])
redis.call('ZADD', KEYS[2], id, id)
return id
