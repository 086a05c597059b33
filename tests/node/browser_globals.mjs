// What ForgeRock's JavaScript SDK finds in a browser and not in Node. It asks fetch to send cookies along
// (credentials: "include"), and signs out by the session cookie alone, which no script may read; Node's fetch keeps no
// cookies. The rest of what a sign-on needs (fetch itself, Headers, URL) is in Node.

/** The cookies of each origin: a map from name to value. */
const cookiesOfOrigin = new Map();
const fetchWithoutCookies = globalThis.fetch;

globalThis.fetch = async (url, init = {}) => {
  if (init.credentials !== "include") return fetchWithoutCookies(url, init);
  const { origin } = new URL(url);
  const cookies = cookiesOfOrigin.get(origin) ?? new Map();
  cookiesOfOrigin.set(origin, cookies);

  const headers = new Headers(init.headers);
  if (cookies.size > 0) headers.set("Cookie", [...cookies].map(([name, value]) => `${name}=${value}`).join("; "));
  const response = await fetchWithoutCookies(url, { ...init, headers });
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
