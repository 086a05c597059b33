"use strict";
// The screen of the simulated phone. The core behind it is the real one; this only draws what it reports.
const token = document.querySelector('meta[name="demo-token"]').content;
const frame = document.querySelector("iframe");
const place = (id) => document.getElementById(id);

function make(tag, text, className) {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  if (className) element.className = className;
  return element;
}

function button(text, className, action) {
  const element = make("button", text, className);
  element.type = "button";
  element.addEventListener("click", action);
  return element;
}

function say(text) {
  place("message").textContent = text;
}

async function post(path, body, type) {
  const headers = { "X-Demo-Token": token, "Content-Type": type || "application/json" };
  const answer = await fetch("/demo/phone/" + path, { method: "POST", headers, body: type ? body : JSON.stringify(body || {}) });
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error.message);
  return value;
}

// Takes a picture of the QR code in the left pane, which the phone reads like a camera image.
async function photograph() {
  const drawing = frame.contentDocument && frame.contentDocument.querySelector(".qr svg");
  if (!drawing) throw new Error("There is no QR code on the page at the left.");
  const source = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(new XMLSerializer().serializeToString(drawing));
  const image = new Image();
  image.src = source;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 800;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, 800, 800);
  pen.drawImage(image, 0, 0, 800, 800);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

async function scan() {
  say("");
  try {
    const preview = await post("scan", await photograph(), "image/png");
    const card = make("div", "", "card");
    card.append(make("p", preview.issuer + ": " + preview.account), make("p", "Server: " + (preview.host || "none, codes only"), "soft"));
    if (preview.conflict) card.append(make("p", "This takes the place of the same account on this phone.", "soft"));
    card.append(
      button("Add account", "", async () => {
        card.remove();
        await attempt("enrol", {}, "Account added.");
      }),
      button("Cancel", "second", () => card.remove()),
    );
    place("preview").replaceChildren(card);
  } catch (problem) {
    say(problem.message);
  }
}

async function attempt(path, body, done) {
  try {
    await post(path, body);
    say(done);
  } catch (problem) {
    say(problem.message);
  }
}

function drawPending(item) {
  const card = make("div", "", "card");
  card.dataset.id = item.id;
  card.append(make("p", item.issuer + ": " + item.account), make("p", item.message || "Sign-on"));
  const from = item.context && [item.context.browser, item.context.remoteIp].filter(Boolean).join(", ");
  if (from) card.append(make("p", "From " + from, "soft"));
  const approve = (more) => attempt("approve", { id: item.id, ...more }, "Approved.");
  if (item.kind === "number") {
    const row = make("div", "", "numbers");
    for (const number of item.numbers) row.append(button(number, "", () => approve({ number })));
    card.append(make("p", "Tap the number that the page shows."), row);
  } else if (item.kind === "biometric") {
    card.append(button("Approve with fingerprint", "", () => approve({ biometric: true })));
  } else {
    card.append(button("Approve", "", () => approve({})));
  }
  card.append(button("Deny", "deny", () => attempt("deny", { id: item.id }, "Denied.")));
  return card;
}

function drawAccount(account) {
  const card = make("div", "", "card");
  card.append(make("p", account.issuer + ": " + account.account), make("p", (account.host || "codes only") + ", " + account.state, "soft"));
  card.append(button("Remove", "second", () => attempt("remove", { id: account.id }, "Removed from this phone.")));
  return card;
}

async function watch() {
  let version = 0;
  for (;;) {
    try {
      const answer = await fetch("/demo/phone/events?since=" + version);
      const screen = await answer.json();
      version = screen.version;
      place("pending").replaceChildren(...screen.pending.map(drawPending));
      place("accounts").replaceChildren(...(screen.accounts.length ? screen.accounts.map(drawAccount) : [make("p", "None yet.", "soft")]));
    } catch {
      await new Promise((done) => setTimeout(done, 1000));
    }
  }
}

place("scan").addEventListener("click", scan);
watch();
