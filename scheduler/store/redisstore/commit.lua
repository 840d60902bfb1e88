#!lua
-- Commit: if this server is the one that was read and all guards hold, then
-- take the next revision and make all effects.
--
-- KEYS[1]  the revision counter; KEYS[2] the redo log, which is there while somebody
--          takes a snapshot; then a key for each guard; then those of the effects
-- ARGV     the run id under which the caller read, and the number of guards;
--          for each guard a word and two operands ('' where it needs fewer):
--              at VERSION · most N LIMIT · empty
--          and the effects, in runs of what stands side by side and can be one
--          call of Redis. A run is a word, a count, an operand for all, and as
--          many values; k says how many keys it takes (n: one for each value):
--              put TTL_MS (k=n) · del (k=n, no values) · index MEMBERS (k=1) ·
--              unindex MEMBERS (k=1) · add N (k=1, one value) · append KEEP (k=1) ·
--              drop (k=n, no values) · notify CHANNEL (k=0)
-- returns  {word, number, now_us, run_id}:
--              ok REVISION · guard INDEX (the first that does not hold) · identity 0
-- errors   KIND (a key names something else), RANGE (a counter would overflow)
--
-- A script is not rolled back, so every way to fail comes before the first
-- write. It is on the path of every job and written out accordingly: a closure
-- more costs each commit a µs, and so does each call of Redis, and ten arguments.

local call, find, match = redis.call, string.find, string.match

local function answer(word, number)
  local info, clock = call('INFO', 'server'), call('TIME')
  return {word, number, clock[1] * 1000000 + clock[2], match(info, 'run_id:(%x+)')}
end

-- Looking for the wanted id is much cheaper than matching the one that is there.
if not find(call('INFO', 'server'), 'run_id:' .. ARGV[1] .. '\r', 1, true) then
  return answer('identity', 0)
end

-- Records (VERSION:BYTES) and counters are both Redis' strings; their first
-- bytes tell which. A sorted set or a stream fails here by itself (WRONGTYPE),
-- as a string does below at ZCARD and XLEN.
local failure
local DAMAGED = '18446744073709551615' -- store.DamagedVersion

local function version_of(key)
  local head = call('GETRANGE', key, 0, 16)
  if head == '' then
    return '0'
  end
  local version = match(head, '^0*(%d+):') -- a damaged digit may be a 0 in front
  if version then
    return version
  end
  if not find(head, '[^%d-]') or #head < 17 and not find(head, ':', 1, true) then
    failure = '-KIND ' .. key
  end
  return DAMAGED -- it may be written over
end

local function counter(key)
  local digits = call('GETRANGE', key, 0, 20)
  if digits == '' then
    return 0
  end
  if not match(digits, '^-?%d+$') then
    failure = '-KIND ' .. key
    return 0
  end
  return tonumber(digits)
end

local guards = tonumber(ARGV[2])
local seen = {} -- versions of records, what the effects make of counters, other keys that were looked at

for i = 1, guards do
  local key, word, x, y = KEYS[2 + i], ARGV[3 * i], ARGV[3 * i + 1], ARGV[3 * i + 2]
  local holds
  if word == 'at' then
    seen[key] = version_of(key)
    holds = seen[key] == x
  elseif word == 'most' then
    holds = counter(key) + x <= tonumber(y)
  else -- empty
    holds = call('ZCARD', key) == 0
  end
  if failure then
    return redis.error_reply(failure)
  end
  if not holds then
    return answer('guard', i - 1)
  end
end

-- Lua's stack bounds how many arguments one call may have; runs are no longer.
-- Of FEW records each is looked at. Of more, which are new as a rule, it is first
-- asked whether any is there: what is not there is of no other kind.
local FEW = 2
local first_key, first_arg, args = guards + 3, 3 * guards + 3, #ARGV

-- Whatever of the effects could fail, and the notices: a channel is the one name
-- that Redis did not compare with the caller's ACL before the script began, and
-- subscribers hear nothing until the script has ended.
local k, a = first_key, first_arg
while a <= args do
  local word, count, y, key = ARGV[a], tonumber(ARGV[a + 1]), ARGV[a + 2], KEYS[k]
  a = a + 3
  if word == 'put' or word == 'del' then
    if count <= FEW or call('EXISTS', unpack(KEYS, k, k + count - 1)) > 0 then
      for i = k, k + count - 1 do
        seen[KEYS[i]] = seen[KEYS[i]] or version_of(KEYS[i])
      end
    end
    k = k + count
    if word == 'put' then
      a = a + count
    end
  elseif word == 'index' or word == 'unindex' then
    seen[key] = seen[key] or call('ZCARD', key)
    k, a = k + 1, a + count
  elseif word == 'add' then
    seen[key] = (seen[key] or counter(key)) + ARGV[a]
    if math.abs(seen[key]) > 2 ^ 52 then
      failure = failure or '-RANGE ' .. key
    end
    k, a = k + 1, a + 1
  elseif word == 'append' then
    seen[key] = seen[key] or call('XLEN', key)
    k, a = k + 1, a + count
  elseif word == 'drop' then
    for i = k, k + count - 1 do
      call('XLEN', KEYS[i])
    end
    k = k + count
  else -- notify
    for i = a, a + count - 1 do
      call('PUBLISH', y, ARGV[i])
    end
    a = a + count
  end
  if failure then
    return redis.error_reply(failure)
  end
end

-- Nothing fails from here on.
local revision = call('INCR', KEYS[1])
local version = string.format('%.0f', revision)
local prefix, appended = version .. ':', 0

k, a = first_key, first_arg
while a <= args do
  local word, count, y, key = ARGV[a], tonumber(ARGV[a + 1]), ARGV[a + 2], KEYS[k]
  a = a + 3
  if word == 'put' then
    if count == 1 and y == '0' then
      call('SET', key, prefix .. ARGV[a])
    elseif y == '0' then
      local list = {}
      for i = 0, count - 1 do
        list[2 * i + 1], list[2 * i + 2] = KEYS[k + i], prefix .. ARGV[a + i]
      end
      call('MSET', unpack(list, 1, 2 * count))
    else
      for i = 0, count - 1 do
        call('SET', KEYS[k + i], prefix .. ARGV[a + i], 'PX', y)
      end
    end
    k, a = k + count, a + count
  elseif word == 'index' then
    if count == 1 then
      call('ZADD', key, '0', ARGV[a])
    else
      local list = {}
      for i = 0, count - 1 do
        list[2 * i + 1], list[2 * i + 2] = '0', ARGV[a + i]
      end
      call('ZADD', key, unpack(list, 1, 2 * count))
    end
    k, a = k + 1, a + count
  elseif word == 'unindex' then
    call('ZREM', key, unpack(ARGV, a, a + count - 1))
    k, a = k + 1, a + count
  elseif word == 'add' then
    if call('INCRBY', key, ARGV[a]) == 0 then
      call('UNLINK', key)
    end
    k, a = k + 1, a + 1
  elseif word == 'append' then
    local last = a + count - 1 -- makes room for all
    for i = a, last - 1 do
      call('XADD', key, version .. '-' .. appended, 'v', ARGV[i])
      appended = appended + 1
    end
    call('XADD', key, 'MAXLEN', y, version .. '-' .. appended, 'v', ARGV[last])
    appended = appended + 1
    k, a = k + 1, a + count
  elseif word == 'notify' then
    a = a + count
  else -- del, drop
    call('UNLINK', unpack(KEYS, k, k + count - 1))
    k = k + count
  end
end

local clock = call('TIME')

-- What redo.go makes again on top of what was read: the time, the number of keys,
-- each of them with what it counts now, and the arguments; all with their lengths.
if call('EXISTS', KEYS[2]) == 1 then
  local pack, redo = struct.pack, {}
  local function add(text)
    redo[#redo + 1] = pack('>I4', #text)
    redo[#redo + 1] = text
  end
  add(string.format('%.0f', clock[1] * 1000000 + clock[2]))
  add(tostring(#KEYS - first_key + 1))
  for i = first_key, #KEYS do
    local number = seen[KEYS[i]]
    add(KEYS[i])
    add(type(number) == 'number' and string.format('%.0f', number) or '')
  end
  for i = first_arg, args do
    add(ARGV[i])
  end
  call('XADD', KEYS[2], version .. '-0', 'v', table.concat(redo))
end

return {'ok', revision, clock[1] * 1000000 + clock[2], ARGV[1]}
