-- ARGV: milliseconds. Forgets lines that were written before. The line 't' tells those who follow which was the last
-- that went; `trimmed` tells it to those who begin.

local log, bound = P .. 'log', ARGV[1] .. '-0'
local last = redis.call('XREVRANGE', log, '(' .. bound, '-', 'COUNT', 1)[1]
if not last then return 0 end
if redis.call('XLEN', log) == 1 and last[2][1] == 't' then return 0 end
redis.call('XTRIM', log, 'MINID', '=', bound)
redis.call('XADD', log, '*', 't', last[1])
redis.call('SET', P .. 'trimmed', last[1])
return 1
