-- Signs an attempt with AWS keys that came with the request (Signature Version 4): Envoy's own filter takes no keys of a
-- request. It runs last, behind translation, and only where gateway.lua has left its mark in the header of the signature
-- and the keys in the metadata, with what they sign for. It fails closed: without a signature there is no attempt.

local jit = require('jit')
jit.off(true, true) -- around every call into Envoy a trace ends; what hashes is compiled, see below

local ffi = require('ffi')
local band, bor, bxor, ror, lshift, rshift, tobit = bit.band, bit.bor, bit.bxor, bit.ror, bit.lshift, bit.rshift, bit.tobit
local byte, char, format, gsub, match, rep, sub = string.byte, string.char, string.format, string.gsub, string.match, string.rep, string.sub
local concat, sort = table.concat, table.sort

local CREDENTIALS_NS = 'headgate.credentials'
local MARK = 'headgate-own-keys'

-- --------------------------------------------------------------------------------------------------- SHA-256, HMAC

-- Source: FIPS 180-4. As 32 bits with a sign, which is what bit operations give.
local function words(list)
  local array = ffi.new('int32_t[?]', #list)
  for i = 1, #list do array[i - 1] = tobit(list[i]) end
  return array
end

local ROUNDS = words({
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
})
local START = words({ 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 })
local state, w = ffi.new('int32_t[8]'), ffi.new('int32_t[64]')

-- Takes the blocks of 64 bytes at `p` into the state.
local function compress(p, blocks)
  for _ = 1, blocks do
    for i = 0, 15 do
      local j = i * 4
      w[i] = bor(lshift(p[j], 24), lshift(p[j + 1], 16), lshift(p[j + 2], 8), p[j + 3])
    end
    for i = 16, 63 do
      local x, y = w[i - 15], w[i - 2]
      local s0 = bxor(ror(x, 7), ror(x, 18), rshift(x, 3))
      local s1 = bxor(ror(y, 17), ror(y, 19), rshift(y, 10))
      w[i] = tobit(w[i - 16] + s0 + w[i - 7] + s1)
    end
    local a, b, c, d, e, f, g, h = state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]
    for i = 0, 63 do
      local s1, choice = bxor(ror(e, 6), ror(e, 11), ror(e, 25)), bxor(g, band(e, bxor(f, g)))
      local t1 = tobit(h + s1 + choice + ROUNDS[i] + w[i])
      local t2 = bxor(ror(a, 2), ror(a, 13), ror(a, 22)) + bor(band(a, b), band(c, bor(a, b)))
      h, g, f, e, d, c, b, a = g, f, e, tobit(d + t1), c, b, a, tobit(t1 + t2)
    end
    state[0], state[1], state[2], state[3] = tobit(state[0] + a), tobit(state[1] + b), tobit(state[2] + c), tobit(state[3] + d)
    state[4], state[5], state[6], state[7] = tobit(state[4] + e), tobit(state[5] + f), tobit(state[6] + g), tobit(state[7] + h)
    p = p + 64
  end
end
jit.on(compress)

local function big_endian(x)
  return char(band(rshift(x, 24), 255), band(rshift(x, 16), 255), band(rshift(x, 8), 255), band(x, 255))
end

-- The digest as 32 bytes.
local function sha256(text)
  ffi.copy(state, START, 32)
  local length = #text
  local whole = (length - length % 64) / 64
  compress(ffi.cast('const uint8_t*', text), whole)
  local bits = length * 8
  local last = sub(text, whole * 64 + 1) .. '\128' .. rep('\0', (55 - length) % 64)
    .. big_endian(tobit((bits - bits % 0x100000000) / 0x100000000)) .. big_endian(tobit(bits % 0x100000000))
  compress(ffi.cast('const uint8_t*', last), #last / 64)
  local parts = {}
  for i = 0, 7 do parts[i + 1] = big_endian(state[i]) end
  return concat(parts)
end

local function hex(bytes)
  return (gsub(bytes, '.', function(c) return format('%02x', byte(c)) end))
end

local function with_each(key, pad)
  return (gsub(key, '.', function(c) return char(bxor(byte(c), pad)) end))
end

-- Source: RFC 2104.
local function hmac(key, text)
  if #key > 64 then key = sha256(key) end
  key = key .. rep('\0', 64 - #key)
  return sha256(with_each(key, 0x5c) .. sha256(with_each(key, 0x36) .. text))
end

-- ------------------------------------------------------------------------------------------------ Signature Version 4

local function encode(text)
  return (gsub(text, '[^%w%-._~]', function(c) return format('%%%02X', byte(c)) end))
end

local function decode(text)
  return (gsub(text, '%%(%x%x)', function(code) return char(tonumber(code, 16)) end))
end

-- As sent, and encoded once more.
local function canonical_path(path)
  return (gsub(gsub(path, '/+', '/'), '[^/]+', encode))
end

local function canonical_query(query)
  local pairs_of = {}
  for pair in string.gmatch(query, '[^&]+') do
    local name, value = match(pair, '^([^=]*)=?(.*)$')
    pairs_of[#pairs_of + 1] = encode(decode(name)) .. '=' .. encode(decode(value))
  end
  sort(pairs_of)
  return concat(pairs_of, '&')
end

-- Every header of AWS's own, the host and the type of the body. All else may be changed on the way.
local function signed_headers(headers)
  local values, names = { host = headers:get(':authority'), ['content-type'] = headers:get('content-type') }, {}
  for name, value in pairs(headers) do
    if sub(name, 1, 6) == 'x-amz-' then values[name] = values[name] and values[name] .. ',' .. value or value end
  end
  for name in pairs(values) do names[#names + 1] = name end
  sort(names)
  local lines = {}
  for i = 1, #names do
    lines[i] = names[i] .. ':' .. gsub(gsub(gsub(values[names[i]], '^ +', ''), ' +$', ''), ' +', ' ') .. '\n'
  end
  return concat(lines), concat(names, ';')
end

local function sign(handle, keys)
  local body = handle:body()
  local headers = handle:headers()
  local digest = hex(sha256(body and body:getBytes(0, body:length()) or ''))
  local id, secret, token, region, service = match(keys, '^(%S+) (%S+) (%S+) (%S+) (%S+)$')
  local seconds = tonumber(handle:timestamp(EnvoyTimestampResolution.MILLISECOND)) / 1000
  local date = os.date('!%Y%m%dT%H%M%SZ', seconds)
  headers:replace('x-amz-date', date)
  headers:replace('x-amz-content-sha256', digest)
  if token ~= '-' then headers:replace('x-amz-security-token', token) end
  local path, query = match(headers:get(':path'), '^([^?]*)%??(.*)$')
  local lines, names = signed_headers(headers)
  local request = concat({ headers:get(':method'), canonical_path(path), canonical_query(query), lines, names, digest }, '\n')
  local scope = concat({ sub(date, 1, 8), region, service, 'aws4_request' }, '/')
  local key = 'AWS4' .. secret
  for part in string.gmatch(scope, '[^/]+') do key = hmac(key, part) end
  local signature = hex(hmac(key, concat({ 'AWS4-HMAC-SHA256', date, scope, hex(sha256(request)) }, '\n')))
  headers:replace('authorization', 'AWS4-HMAC-SHA256 Credential=' .. id .. '/' .. scope
    .. ', SignedHeaders=' .. names .. ', Signature=' .. signature)
end

local function on_request(handle)
  if handle:headers():get('authorization') ~= MARK then return end
  local given = handle:streamInfo():dynamicMetadata():get(CREDENTIALS_NS)
  sign(handle, given.keys)
end

function envoy_on_request(handle)
  local ok = pcall(on_request, handle)
  if not ok then
    -- What is said of a failure might hold a part of the keys.
    handle:logErr('headgate: an attempt cannot be signed with the keys of its request')
    handle:respond({ [':status'] = '500', ['content-type'] = 'application/json' },
      '{"error":{"message":"The gateway failed.","type":"server_error","param":null,"code":"gateway_error"}}')
  end
end
