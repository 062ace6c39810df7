-- ARGV: at, limit, how many chunks to look at. Answers whether to go on, then id and record of each that had expired.

local at, limit, chunks = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local answer = {0}

local function notice(id, h)
  if h.expires > at then return false end
  if limit == 0 then return STOP end
  local record = redis.call('GET', session(id))
  h.state = NOTICED
  redis.call('SETRANGE', session(id), 1, struct.pack('B', NOTICED))
  ends(id, record, h.expires)
  answer[#answer + 1] = id
  answer[#answer + 1] = record
  limit = limit - 1
  return true
end

local more = true
while more and limit > 0 and chunks > 0 do
  more = look_at_first(at, notice)
  chunks = chunks - 1
end
settle()
answer[1] = more and 1 or 0
return answer
