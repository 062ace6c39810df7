-- ARGV: at, unless since or '', then id, seen, expires, generation or '' of each. Only the head is read, and only its times written;
-- `due` stays where it is, because nobody expires earlier by it.

local TIMES, AT = '>i8i8i8i8', 18
local at, since = tonumber(ARGV[1]), tonumber(ARGV[2])

for n = 3, #ARGV, 4 do
  local key = session(ARGV[n])
  local head = redis.call('GETRANGE', key, 0, HEAD_SIZE - 1)
  local h = head ~= '' and head_of(head)
  if h and h.state == LIVES and h.expires > at then
    local seen, expires, confirmed = h.seen, h.expires, h.confirmed
    if not since or seen <= since then
      seen = math.max(seen, tonumber(ARGV[n + 1]))
      expires = math.min(math.max(expires, tonumber(ARGV[n + 2])), h.ends)
    end
    if confirmed == NEVER and tonumber(ARGV[n + 3]) == h.generation then confirmed = at end
    if seen ~= h.seen or expires ~= h.expires or confirmed ~= h.confirmed then
      redis.call('SETRANGE', key, AT, struct.pack(TIMES, seen, expires, h.ends, confirmed))
      if expires < h.expires then redis.call('ZADD', P .. 'due', 'LT', expires, chunk_of(LIVE, ARGV[n])) end
    end
  end
end
return 1
