/**
 * What a compiled cost can call. Numbers are doubles, exact below 2^53: integers at or past that are an overflow here,
 * where cel-go goes on to 2^63 and 2^64. An error is raised with cel-go's text. A list is `{n = count, ...}`, a map
 * `{n = count, keys = {...}, vals = {key = value}}`.
 */
interface Helper {
  readonly needs?: readonly string[];
  readonly code: string;
}

const HELPERS: Readonly<Record<string, Helper>> = {
  ci: {
    code: `local function ci(r)
if r < 9007199254740992 and r > -9007199254740992 then return r end
error("integer overflow", 0)
end`,
  },
  cu: {
    code: `local function cu(r)
if r < 9007199254740992 and r >= 0 then return r end
error("unsigned integer overflow", 0)
end`,
  },
  price: {
    code: `local function price(counts)
return counts.price or error("no price is known", 0)
end`,
  },
  div: {
    code: `local function div(a, b)
if b == 0 then error("division by zero", 0) end
return (a - math.fmod(a, b)) / b + 0
end`,
  },
  mod: {
    code: `local function mod(a, b)
if b == 0 then error("modulus by zero", 0) end
return math.fmod(a, b) + 0
end`,
  },
  trunc: {
    code: `local function trunc(x)
if x < 0 then return math.ceil(x) + 0 end
return math.floor(x) + 0
end`,
  },
  itext: {
    needs: ['ci'],
    code: `local function itext(s)
if not string.find(s, "^[+-]?%d+$") then error("type conversion error from 'string' to 'int'", 0) end
return ci(tonumber((string.gsub(s, "^%+", ""))) + 0)
end`,
  },
  utext: {
    needs: ['cu'],
    code: `local function utext(s)
if not string.find(s, "^%d+$") then error("type conversion error from 'string' to 'uint'", 0) end
return cu(tonumber(s))
end`,
  },
  btext: {
    code: `local WORDS = {["1"] = true, t = true, T = true, ["true"] = true, TRUE = true, True = true,
["0"] = false, f = false, F = false, ["false"] = false, FALSE = false, False = false}
local function btext(s)
if WORDS[s] == nil then error("type conversion error from 'string' to 'bool'", 0) end
return WORDS[s]
end`,
  },
  ordered: {
    code: `local function ordered(x)
if x ~= x then error("NaN values cannot be ordered", 0) end
return x
end`,
  },
  bit: { code: `local function bit(b) return b and 1 or 0 end` },
  both: {
    code: `local function both(f, g)
local fok, a = pcall(f)
if fok and not a then return false end
local gok, b = pcall(g)
if gok and not b then return false end
if not fok then error(a, 0) end
if not gok then error(b, 0) end
return true
end`,
  },
  either: {
    code: `local function either(f, g)
local fok, a = pcall(f)
if fok and a then return true end
local gok, b = pcall(g)
if gok and b then return true end
if not fok then error(a, 0) end
if not gok then error(b, 0) end
return false
end`,
  },
  some: {
    code: `local function some(list, f, wanted)
local failed, why
for i = 1, list.n do
local ok, v = pcall(f, list[i])
if not ok then
if not failed then failed, why = true, v end
elseif v == wanted then return wanted end
end
if failed then error(why, 0) end
return not wanted
end`,
  },
  same: {
    code: `local same
function same(a, b)
if type(a) ~= "table" then return a == b end
if a.n ~= b.n then return false end
if a.keys then
for i = 1, a.n do
local k = a.keys[i]
if b.vals[k] == nil or not same(a.vals[k], b.vals[k]) then return false end
end
return true
end
for i = 1, a.n do
if not same(a[i], b[i]) then return false end
end
return true
end`,
  },
  has: {
    needs: ['same'],
    code: `local function has(list, x)
for i = 1, list.n do
if same(list[i], x) then return true end
end
return false
end`,
  },
  map: {
    code: `local function map(count, keys, values)
local m = {n = 0, keys = {}, vals = {}}
for i = 1, count do
local k = keys[i]
if m.vals[k] == nil then
m.n = m.n + 1
m.keys[m.n] = k
end
m.vals[k] = values[i]
end
return m
end`,
  },
  at: {
    code: `local function at(list, i)
local v = list[i + 1]
if v == nil then error("index out of bounds: " .. string.format("%.0f", i), 0) end
return v
end`,
  },
  key: {
    code: `local function key(m, k)
local v = m.vals[k]
if v == nil then error("no such key: " .. tostring(k), 0) end
return v
end`,
  },
  join: {
    code: `local function join(a, b)
local r = {n = a.n + b.n}
for i = 1, a.n do r[i] = a[i] end
for i = 1, b.n do r[a.n + i] = b[i] end
return r
end`,
  },
  keys: {
    code: `local function keys(m)
local r = {n = m.n}
for i = 1, m.n do r[i] = m.keys[i] end
return r
end`,
  },
  starts: { code: `local function starts(s, t) return string.sub(s, 1, #t) == t end` },
  ends: { code: `local function ends(s, t) return t == "" or string.sub(s, -#t) == t end` },
  contains: { code: `local function contains(s, t) return string.find(s, t, 1, true) ~= nil end` },
  runes: {
    code: `local function runes(s)
local _, n = string.gsub(s, "[^\\128-\\191]", "")
return n
end`,
  },
};

/** The definitions of these helpers and of what they need, each once, in an order that works. */
export function helperCode(names: Iterable<string>): string {
  const done = new Map<string, string>();
  const add = (name: string): void => {
    const helper = HELPERS[name];
    if (done.has(name) || helper === undefined) return;
    for (const need of helper.needs ?? []) add(need);
    done.set(name, helper.code);
  };
  for (const name of [...names].sort()) add(name);
  return [...done.values()].map((code) => `${code}\n`).join('');
}
