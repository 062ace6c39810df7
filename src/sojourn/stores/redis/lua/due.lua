-- The chunks in which somebody may have expired.

local STOP = {}

-- Calls `over` with each session of the chunk that is due first, and takes out of the chunk those for which it says
-- true. Notes when the chunk is due next, unless it says STOP: then the chunk stays the first. Answers false when none
-- is due at `at`.
local function look_at_first(at, over)
  local first = redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', at, 'LIMIT', 0, 1)[1]
  if not first then return false end
  local bound, leaving = math.huge, {}
  for _, id in ipairs(redis.call('ZRANGE', chunk(LIVE, first), 0, -1)) do
    local head = redis.call('GETRANGE', session(id), 0, HEAD_SIZE - 1)
    if head == '' then
      leaving[#leaving + 1] = id
    else
      local h = head_of(head)
      local is_over = over(id, h)
      if is_over == STOP then
        leave(LIVE, first, leaving)
        return true
      end
      if is_over then leaving[#leaving + 1] = id else bound = math.min(bound, h.expires) end
    end
  end
  redis.call('ZADD', P .. 'due', bound, first)
  leave(LIVE, first, leaving)
  join(LIVE, first)
  return true
end
