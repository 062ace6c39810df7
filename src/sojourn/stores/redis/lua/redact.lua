-- ARGV: at, then for each: id, record. Answers how many had ended, and are written anew, in the same version.

local at, done = tonumber(ARGV[1]), 0
for n = 2, #ARGV, 2 do
  local id, record = ARGV[n], ARGV[n + 1]
  local stored = redis.call('GET', session(id))
  local old, new = stored and head_of(stored), head_of(record)
  local over = old and (redis.call('ZSCORE', P .. 'ended', id) or old.expires)
  if over and tonumber(over) <= at and old.version == new.version then
    -- A use may have been noted since it was read; who ends by time is noticed by another script.
    old.format, old.tail = new.format, new.tail
    redis.call('SET', session(id), packed(old) .. record:sub(HEAD_SIZE + 1))
    done = done + 1
  end
end
return done
