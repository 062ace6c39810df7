-- ARGV: before, limit, how many chunks to look at. Answers whether to go on, and how many were forgotten.

local limit_before, limit, chunks = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local number = 0

local ended = redis.call('ZRANGEBYSCORE', P .. 'ended', '-inf', '(' .. ARGV[1], 'LIMIT', 0, limit)
for _, id in ipairs(ended) do
  local record = redis.call('GET', session(id))
  if record then
    remove_from('past', user_of(record), id)
    redis.call('DEL', session(id))
    number = number + 1
  end
  redis.call('ZREM', P .. 'ended', id)
end

-- those whose end nobody has noticed
local function forget(id, h)
  if h.expires >= limit_before or number == limit then return false end
  ends(id, user_of(redis.call('GET', session(id))))
  redis.call('DEL', session(id))
  number = number + 1
  return true
end

while number < limit do
  if chunks == 0 then return {1, number} end
  if not look_at_first('(' .. ARGV[1], forget) then return {0, number} end
  chunks = chunks - 1
end
return {1, number}
