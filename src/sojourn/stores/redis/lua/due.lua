-- The chunks in which somebody may have expired.

-- Calls `over` with each session that expired before `at` in the chunk that is due first, until it says stop, and
-- notes when the chunk is due next. Answers false when no chunk is due.
local function look_at_first(at, over)
  local first = redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', at, 'LIMIT', 0, 1)[1]
  if not first then return false end
  local bound = math.huge
  for _, id in ipairs(redis.call('ZRANGE', chunk(first), 0, -1)) do
    local head = redis.call('GETRANGE', session(id), 0, HEAD_SIZE - 1)
    if head == '' then
      redis.call('ZREM', chunk(first), id)
    else
      local h = head_of(head)
      if not over(id, h) then bound = math.min(bound, h.expires) end
    end
  end
  redis.call('ZADD', P .. 'due', bound, first)
  close_if_empty(first)
  join(first)
  return true
end
