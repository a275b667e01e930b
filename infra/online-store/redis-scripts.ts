import { headerBytes, plain, withOffset } from "./redis-value.ts";

/**
 * Checks expectations, then writes index entries, then entries, in their order. KEYS: one an expectation or write. ARGV:
 * the number of expectations and of index entries, then two a key: expected value and 1 (0 for none), member and score
 * (empty removes), or stored value (empty deletes) and time to live in milliseconds (empty for ever). A value with an
 * offset is written only over a smaller one or none. Answers 0, or 1 having written nothing.
 */
export const setScript = `
local expected = tonumber(ARGV[1])
local indexed = expected + tonumber(ARGV[2])
for i = 1, expected do
  local stored = redis.call('GET', KEYS[i])
  local kind = stored and string.byte(stored)
  local value = kind == ${plain} and string.sub(stored, 2) or kind == ${withOffset} and string.sub(stored, ${headerBytes + 1})
  if ARGV[2 * i + 2] == '1' then
    if value ~= ARGV[2 * i + 1] then return 1 end
  elseif value then
    return 1
  end
end
for i = expected + 1, #KEYS do
  local key, a, b = KEYS[i], ARGV[2 * i + 1], ARGV[2 * i + 2]
  if i <= indexed then
    if b == '' then redis.call('ZREM', key, a) else redis.call('ZADD', key, b, a) end
  elseif a == '' then
    redis.call('DEL', key)
  else
    local newer = true
    if string.byte(a) ~= 0 then
      local stored = redis.call('GETRANGE', key, 0, ${headerBytes - 1})
      newer = #stored < ${headerBytes} or string.byte(stored) == 0
        or struct.unpack('<d', stored, 2) < struct.unpack('<d', a, 2)
    end
    if newer then
      if b == '' then redis.call('SET', key, a) else redis.call('SET', key, a, 'PX', b) end
    end
  end
end
return 0`;

/**
 * A page of the sorted set KEYS[1] after (ARGV[1] score, ARGV[2] member), at most ARGV[3] members, backwards where
 * ARGV[4] is 1. A member that is no longer there is searched for among those of its score: Lua compares strings by
 * locale, so bytes are compared here.
 */
export const pageScript = `
local key, score, member = KEYS[1], ARGV[1], ARGV[2]
local reverse = ARGV[4] == '1'

local function before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local start
local stored = redis.call('ZSCORE', key, member)
if stored and tonumber(stored) == tonumber(score) then
  start = redis.call(reverse and 'ZREVRANK' or 'ZRANK', key, member) + 1
else
  local low = redis.call('ZCOUNT', key, '-inf', '(' .. score)
  local high = redis.call('ZCOUNT', key, '-inf', score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if before(redis.call('ZRANGE', key, middle, middle)[1], member) then low = middle + 1 else high = middle end
  end
  start = reverse and redis.call('ZCARD', key) - low or low
end
return redis.call(reverse and 'ZREVRANGE' or 'ZRANGE', key, start, start + ARGV[3] - 1, 'WITHSCORES')`;
