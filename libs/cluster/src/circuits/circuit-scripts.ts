/**
 * What Redis does in one step. State of a circuit: `kind epoch till timesOpened`. All of them are in one hash, so that who comes later reads
 * them at once; what nobody needs any more goes by the sorted set of when that is.
 *
 * KEYS: states, their ends, highest epoch, votes of the circuit, probe of the circuit.
 * ARGV: circuit, replica, epoch known to it, time of the question (0: unknown), channel, then those of the script.
 */
const BEGIN = `
local t = redis.call('TIME')
local us = t[1] * 1000000 + t[2]
local now = math.floor(us / 1000)
local name, me, known, asked, channel = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
if asked > 0 and now - asked > ${1_000} then return {'late'} end
local function text(number) return string.format('%.0f', number) end
local cur
local raw = redis.call('HGET', KEYS[1], name)
if raw then
  local kind, epoch, till, times = string.match(raw, '^(%S+) (%d+) (%d+) (%d+)$')
  cur = {kind = kind, epoch = tonumber(epoch), till = tonumber(till), times = tonumber(times)}
end
local byHand = {forced_open = true, disabled = true, metrics_only = true}
local function holds(how, s) return {how, s.kind, text(s.epoch), math.max(0, s.till - now), s.times} end
local function write(kind, ms, times)
  local s = {kind = kind, epoch = math.max(us, known + 1), till = now + ms, times = times}
  if cur and cur.epoch >= s.epoch then s.epoch = cur.epoch + 1 end
  redis.call('HSET', KEYS[1], name, table.concat({kind, text(s.epoch), text(s.till), text(times)}, ' '))
  redis.call('ZADD', KEYS[2], text(byHand[kind] and now * 2 or s.till + ${600_000}), name)
  redis.call('SET', KEYS[3], text(s.epoch))
  local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(now), 'LIMIT', 0, 100)
  local over = redis.call('ZCARD', KEYS[2]) - ${10_000}
  if over > 0 then
    for _, one in ipairs(redis.call('ZRANGE', KEYS[2], 0, math.min(over, 100) - 1)) do gone[#gone + 1] = one end
  end
  if #gone > 0 then
    redis.call('HDEL', KEYS[1], unpack(gone))
    redis.call('ZREM', KEYS[2], unpack(gone))
  end
  redis.call('PUBLISH', channel,
    cjson.encode({v = 1, c = name, kind = kind, epoch = text(s.epoch), ms = ms, times = times, by = me}))
  return holds('made', s)
end
local mine = me .. ':' .. ARGV[3]
`;

/** ARGV: milliseconds of the opening, times opened, quorum, milliseconds that a vote counts. */
export const VOTE = `${BEGIN}
local ms, times, quorum, counts = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
if cur and ((cur.kind == 'open' and cur.till > now) or byHand[cur.kind]) then return holds('holds', cur) end
redis.call('ZADD', KEYS[4], text(now), me)
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', text(now - counts))
redis.call('PEXPIRE', KEYS[4], counts)
if redis.call('ZCARD', KEYS[4]) < quorum then return {'voted'} end
redis.call('DEL', KEYS[4])
return write('open', ms, times)`;

/** ARGV: times opened, milliseconds of the lease. Nothing known: Redis lost it, and the caller knows that it is open. */
export const PROBE = `${BEGIN}
local times, lease = tonumber(ARGV[6]), tonumber(ARGV[7])
if not cur then
  local made = write('open', 0, times)
  cur = {kind = 'open', epoch = tonumber(made[3]), till = now, times = times}
end
if cur.kind ~= 'open' or cur.till > now then return holds('holds', cur) end
local epoch = text(cur.epoch)
local holder = redis.call('GET', KEYS[5])
if holder and holder ~= me .. ':' .. epoch and string.sub(holder, -#epoch - 1) == ':' .. epoch then
  return {'taken', redis.call('PTTL', KEYS[5])}
end
redis.call('SET', KEYS[5], me .. ':' .. epoch, 'PX', lease)
return {'granted', epoch}`;

/** ARGV: kind, milliseconds, times opened. */
export const DONE = `${BEGIN}
if cur and cur.epoch ~= known then return holds('holds', cur) end
if redis.call('GET', KEYS[5]) == mine then redis.call('DEL', KEYS[5]) end
return write(ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8]))`;

/** ARGV: kind, milliseconds, times opened, 1 for only if nothing is known. */
export const FORCE = `${BEGIN}
if ARGV[9] == '1' and cur then return holds('holds', cur) end
redis.call('DEL', KEYS[4], KEYS[5])
return write(ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8]))`;

/**
 * KEYS: states, highest epoch, replicas, process of this replica. ARGV: replica, epoch, milliseconds after which a silent replica does not
 * count, process.
 */
export const CATCH_UP = `
local t = redis.call('TIME')
local now = math.floor((t[1] * 1000000 + t[2]) / 1000)
local function text(number) return string.format('%.0f', number) end
redis.call('ZADD', KEYS[3], text(now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', text(now - ARGV[3]))
local latest, since = redis.call('GET', KEYS[2]) or '0', tonumber(ARGV[2])
local process = redis.call('GET', KEYS[4])
redis.call('SET', KEYS[4], ARGV[4], 'PX', ARGV[3])
local found = {text(now), latest, redis.call('ZCARD', KEYS[3]), process and process ~= ARGV[4] and 1 or 0}
if latest == ARGV[2] then return found end
if tonumber(latest) < since then since = 0 end
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local kind, epoch, till, times = string.match(all[i + 1], '^(%S+) (%d+) (%d+) (%d+)$')
  if tonumber(epoch) > since then
    for _, one in ipairs({all[i], kind, epoch, math.max(0, tonumber(till) - now), tonumber(times)}) do
      found[#found + 1] = one
    end
  end
end
return found`;
