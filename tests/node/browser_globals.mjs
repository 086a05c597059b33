// Browser features that Ping's web SDKs need and Node lacks. The SDKs ask fetch to send cookies along (credentials:
// "include"), and sign out by the session cookie alone, which no script may read; Node's fetch keeps no cookies. One
// SDK keeps steps in the tab's storage while the browser is on another site. Node has everything else that a sign-on
// needs (fetch itself, Headers, URL).

/** The cookies of each origin: a map from name to value. */
const cookiesOfOrigin = new Map();
const fetchWithoutCookies = globalThis.fetch;

globalThis.fetch = async (resource, init) => {
  // One SDK passes an address and options, another a finished Request.
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

/** Stores one Set-Cookie line. Of its attributes, only the one with which the server ends a cookie matters here. */
function keep(cookies, line) {
  const [pair, ...attributes] = line.split(";").map((part) => part.trim());
  const [name, ...value] = pair.split("=");
  if (attributes.some((attribute) => attribute.toLowerCase() === "max-age=0")) cookies.delete(name);
  else cookies.set(name, value.join("="));
}

globalThis.localStorage = storage();
globalThis.sessionStorage = storage();

/** Returns a browser storage. */
function storage() {
  const values = new Map();
  return {
    getItem: (name) => values.get(name) ?? null,
    setItem: (name, value) => void values.set(name, String(value)),
    removeItem: (name) => void values.delete(name),
  };
}
