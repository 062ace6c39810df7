-- ARGV: before, limit, how many chunks to look at. Answers whether to go on, and how many were forgotten.

local limit_before, limit, chunks = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local keys = {}

local ended = redis.call('ZRANGEBYSCORE', P .. 'ended', '-inf', '(' .. ARGV[1], 'LIMIT', 0, limit)
for _, id in ipairs(ended) do
  local record = redis.call('GET', session(id))
  if record then
    remove_from('past', user_of(record), id)
    keys[#keys + 1] = session(id)
  end
end
if #ended > 0 then redis.call('ZREM', P .. 'ended', unpack(ended)) end

-- those whose end nobody has noticed
local function forget(id, h)
  if h.expires >= limit_before then return false end
  if #keys >= limit then return STOP end
  ends(id, redis.call('GET', session(id)))
  keys[#keys + 1] = session(id)
  return true
end

local more = true
while more and #keys < limit and chunks > 0 do
  more = look_at_first('(' .. ARGV[1], forget)
  chunks = chunks - 1
end
if #keys > 0 then redis.call('DEL', unpack(keys)) end
settle()
return {(more or #ended == limit) and 1 or 0, #keys}
