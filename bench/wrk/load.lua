-- Arguments: what to ask for, a word that no other run uses, the API key, a session's cookies and CSRF token, a file of
-- paths. wrk calls init, request and done.

local PRODUCTS = 2000
local ADDRESS = '{"firstName":"Ada","lastName":"Lovelace","line1":"12 St James\'s Square","city":"London",'
  .. '"postalCode":"SW1Y 4JH","country":"GB"}'

local next_request, run, caller
local count = 0
local paths = {}

local function line(number, quantity)
  return string.format('{"variantId":"01900000-0000-7000-a000-%012x","quantity":%d}', number, quantity)
end

local function post(path, body)
  count = count + 1
  local headers = { ["Content-Type"] = "application/json", ["Idempotency-Key"] = run .. "-" .. count }
  for name, value in pairs(caller) do
    headers[name] = value
  end
  return wrk.format("POST", path, headers, body)
end

local function order(lines)
  return post("/api/v1/orders", string.format(
    '{"email":"buyer%d@example.com","items":[%s],"shippingAddress":%s}', math.random(10000), lines, ADDRESS
  ))
end

-- Two different products of 2,000, quantities 1 and 2.
local function two_lines()
  local one = math.random(PRODUCTS)
  local two = 1 + (one + math.random(0, PRODUCTS - 2)) % PRODUCTS
  return line(one, 1) .. "," .. line(two, 2)
end

local function canonical()
  return order(two_lines())
end

local requests = {
  order = canonical,
  session = canonical,

  -- Everybody wants the same thing.
  flash = function()
    return order(line(1000, 1))
  end,

  -- What a canonical order would cost.
  quote = function()
    return post("/api/v1/orders/quote", string.format('{"items":[%s],"shippingAddress":%s}', two_lines(), ADDRESS))
  end,

  -- One of 2,000 products into one of the file's carts.
  add = function()
    return post(paths[math.random(#paths)] .. "/items", line(math.random(PRODUCTS), 1))
  end,

  -- The file's carts, one after the other; one that is asked for twice is refused.
  checkout = function()
    return post(paths[math.min(count + 1, #paths)] .. "/checkout", "{}")
  end,

  product = function()
    return wrk.format("GET", "/api/v1/products/bench-product-" .. math.random(PRODUCTS))
  end,

  -- Everybody looks at the same thing.
  hot = function()
    return wrk.format("GET", "/api/v1/products/bench-product-1000")
  end,

  live = function()
    return wrk.format("GET", "/health/live")
  end,

  -- One of the file's, as anybody may ask.
  path = function()
    return wrk.format("GET", paths[math.random(#paths)])
  end,
}

function init(arguments)
  next_request, run = requests[arguments[1]], arguments[2]
  if arguments[1] == "session" then
    caller = { Cookie = arguments[4], ["X-CSRF-Token"] = arguments[5], ["Sec-Fetch-Site"] = "same-origin" }
  else
    caller = { ["X-API-Key"] = arguments[3] }
  end
  if arguments[6] ~= "None" then
    for path in io.lines(arguments[6]) do
      paths[#paths + 1] = path
    end
  end
  math.randomseed(os.time())
end

function request()
  return next_request()
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"refused":%d,"broken":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f}\n',
    summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3
  ))
end
