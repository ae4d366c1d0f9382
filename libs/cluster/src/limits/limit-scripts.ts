/**
 * A bucket with debt, refilled evenly: what was booked too much or too little is settled, also below nothing. It is gone when it is full.
 * KEYS: bucket, cooldown. ARGV: tokens per minute, tokens, 1 to take them whatever is left.
 */
export const TAKE = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local limit, amount = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'level', 'at')
local level = math.min(limit, (tonumber(kept[1]) or limit) + (now - (tonumber(kept[2]) or now)) / 60000 * limit)
local missing = math.min(math.max(amount, 0), limit) - level
if ARGV[3] ~= '1' and missing > 0 then return {0, math.ceil(missing / limit * 60000)} end
level = level - amount
redis.call('HSET', KEYS[1], 'level', string.format('%.3f', level), 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.max(1, math.ceil((limit - level) / limit * 60000))))
return {1, math.max(0, redis.call('PTTL', KEYS[2]))}`;

/** A longer cooldown holds. KEYS: cooldown. ARGV: milliseconds, channel, news. */
export const COOL = `
if redis.call('PTTL', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1`;
