-- What a record is: a head of fixed size that a touch writes into, four packed texts, a body that only Python
-- reads, and, if it has ended on purpose, a tail that says when and why. `redis_rows.py` writes the same.

local P = KEYS[1]              -- sojourn:{07}:
local HEAD = '>BBI4I4I4I4i8i8i8i8'
local HEAD_SIZE = 50
local TEXTS = '>I2c0I2c0I2c0I2c0'
local LIVES, REVOKED, NOTICED = 0, 1, 2
local IMPERSONATION = 3        -- the format of one in which somebody else acts as the user
local NEVER = -9007199254740992  -- no time: where Python has None

local function session(id) return P .. 's' .. id end  -- with 30 bytes Redis keeps a key in 32, with one more in 40

local function head_of(record)
  local h = {}
  h.format, h.state, h.version, h.generation, h.void_below, h.tail, h.seen, h.expires, h.ends, h.confirmed =
    struct.unpack(HEAD, record)
  return h
end

local function packed(h)
  return struct.pack(HEAD, h.format, h.state, h.version, h.generation, h.void_below, h.tail, h.seen, h.expires,
    h.ends, h.confirmed)
end

-- user, device, application, tenant; an empty text where Python has None
local function texts_of(record) return struct.unpack(TEXTS, record, HEAD_SIZE + 1) end

local function user_of(record) return (struct.unpack('>I2c0', record, HEAD_SIZE + 1)) end  -- not where it ends

local function profile_of(h, record)
  if h.format < 2 then return '' end
  local size = struct.unpack('>I2', record, h.tail - 1)
  return record:sub(h.tail - 1 - size, h.tail - 2)
end

local function revoked_at(h, record)
  if h.tail >= #record then return NEVER end
  return (struct.unpack('>i8', record, h.tail + 1))
end

-- Whether id a comes before id b. Lua compares texts by the server's locale, which is not the order of bytes.
local function before(a, b)
  local a1, a2, a3 = struct.unpack('>I6I6I4', a)
  local b1, b2, b3 = struct.unpack('>I6I6I4', b)
  if a1 ~= b1 then return a1 < b1 end
  if a2 ~= b2 then return a2 < b2 end
  return a3 < b3
end
