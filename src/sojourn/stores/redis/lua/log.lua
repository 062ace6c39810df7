-- The log: a stream of the shard, and a message to whoever listens.

local wrote = false

local function write_line(id, version, at, reason)
  redis.call('XADD', P .. 'log', '*', 'e', id .. struct.pack('>I4i8', version, at) .. reason)
  wrote = true
end

local function tell(channel)
  if wrote and channel ~= '' then redis.call('PUBLISH', channel, '') end
end

-- WAIT waits for the last write of its connection. Who asks again has to wait for what was written before by
-- another one, and so writes something.
local function mark(asked)
  if asked == '1' and not wrote then redis.call('SET', P .. 'mark', '') end
end

-- End a session on purpose, but for `remove_live`. `tail` says when and why, for the record; `reason` for the log.
local function revoke(id, record, h, at, tail, reason)
  h.state, h.version = REVOKED, h.version + 1
  redis.call('SET', session(id), packed(h) .. record:sub(HEAD_SIZE + 1, h.tail) .. tail)
  ends(id, record, at)
  write_line(id, h.version, at, reason)
end
