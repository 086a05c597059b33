// What Ping's web SDKs find in a browser and not in Node. They ask fetch to send cookies along (credentials:
// "include"), and sign out by the session cookie alone, which no script may read; Node's fetch keeps no cookies. One of
// them keeps steps in the tab's storage while the browser is on another site. The rest of what a sign-on needs (fetch
// itself, Headers, URL) is in Node.

/** The cookies of each origin: a map from name to value. */
const cookiesOfOrigin = new Map();
const fetchWithoutCookies = globalThis.fetch;

globalThis.fetch = async (resource, init) => {
  // One SDK gives an address and options, another a request that is made already.
  const request = new Request(resource, init);
  if (request.credentials !== "include") return fetchWithoutCookies(request);
  const { origin } = new URL(request.url);
  const cookies = cookiesOfOrigin.get(origin) ?? new Map();
  cookiesOfOrigin.set(origin, cookies);

  const sent = [...cookies].map(([name, value]) => `${name}=${value}`);
  if (sent.length > 0) request.headers.set("Cookie", sent.join("; "));
  const response = await fetchWithoutCookies(request);
  for (const line of response.headers.getSetCookie()) keep(cookies, line);
  return response;
};

/** Takes in one Set-Cookie line. Of its attributes only the one by which the server ends a cookie matters here. */
function keep(cookies, line) {
  const [pair, ...attributes] = line.split(";").map((part) => part.trim());
  const [name, ...value] = pair.split("=");
  if (attributes.some((attribute) => attribute.toLowerCase() === "max-age=0")) cookies.delete(name);
  else cookies.set(name, value.join("="));
}

globalThis.localStorage = storage();
globalThis.sessionStorage = storage();

/** A storage of a browser. */
function storage() {
  const values = new Map();
  return {
    getItem: (name) => values.get(name) ?? null,
    setItem: (name, value) => void values.set(name, String(value)),
    removeItem: (name) => void values.delete(name),
  };
}
