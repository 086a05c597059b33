"use strict";
// Wakes the page: asks the server to answer once the phone has, then posts the form. Draws how much time is left, and
// helps to keep recovery codes. Without script the person presses Continue and writes the codes down.
document.documentElement.classList.add("script");

async function wake(form) {
  const body = JSON.stringify({ authId: form.elements.authId.value });
  const headers = { "Content-Type": "application/json", "X-Requested-With": "page" };
  for (;;) {
    try {
      const answer = await fetch("/am/XUI/wait", { method: "POST", headers, body });
      if (answer.ok ? (await answer.json()).ready : answer.status < 429) {
        form.submit();
        return;
      }
      if (!answer.ok) await new Promise((done) => setTimeout(done, 3000));
    } catch {
      await new Promise((done) => setTimeout(done, 3000));
    }
  }
}

// The clock is the page's own: the server says how many seconds were left, not at which hour it ends.
function countDown(place) {
  const whole = Number(place.dataset.seconds);
  const end = performance.now() + whole * 1000;
  const text = place.querySelector("[role=timer]");
  const bar = place.querySelector(".bar");
  bar.hidden = false;
  const draw = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    const time = Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0");
    text.textContent = left ? place.dataset.left.replace("{time}", time) : place.dataset.over;
    bar.firstElementChild.style.transform = "scaleX(" + (whole ? left / whole : 0) + ")";
    if (left) setTimeout(draw, 1000);
  };
  draw();
}

function keepCodes(place) {
  const codes = [...place.querySelectorAll("code")].map((code) => code.textContent).join("\n") + "\n";
  const told = place.querySelector(".told");
  const actions = {
    copy: () =>
      navigator.clipboard.writeText(codes).then(
        () => (told.textContent = place.dataset.copied),
        () => (told.textContent = place.dataset.notCopied),
      ),
    download: () => {
      const link = document.createElement("a");
      const file = new Blob([place.dataset.firstLine + "\n\n" + codes], { type: "text/plain" });
      link.href = URL.createObjectURL(file);
      link.download = "recovery-codes.txt";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    },
    print: () => window.print(),
  };
  for (const button of place.querySelectorAll("[data-do]")) {
    // Only a secure page, or one of this machine, has a clipboard.
    if (button.dataset.do === "copy" && !navigator.clipboard) button.hidden = true;
    button.addEventListener("click", actions[button.dataset.do]);
  }
  place.querySelector(".tools").hidden = false;
}

const waiting = document.querySelector("form[data-wait]");
if (waiting) wake(waiting);
document.querySelectorAll("[data-seconds]").forEach(countDown);
document.querySelectorAll(".keep").forEach(keepCodes);
// In the reader's own time and manner of writing it.
for (const time of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(time.dateTime);
  // The date is left out where it is today's and the text is about what comes soon.
  const isToday = "near" in time.dataset && moment.toDateString() === new Date().toDateString();
  const style = isToday ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
  time.textContent = new Intl.DateTimeFormat(document.documentElement.lang, style).format(moment);
}

// Where the browser is, if the person wants to tell: asked for when the button is pressed, never before.
const place = document.querySelector("[data-location]");
if (place && navigator.geolocation) {
  const share = place.form.querySelector(".with-script");
  share.hidden = false;
  share.addEventListener("click", () => {
    share.disabled = true;
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        const { latitude, longitude } = coords;
        place.value = JSON.stringify({ location: { latitude, longitude } });
        place.form.submit();
      },
      () => place.form.submit(),
      { timeout: 10000, maximumAge: 300000 },
    );
  });
}
