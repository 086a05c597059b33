"use strict";
// Wakes the page: asks the server to answer once the phone has, then posts the form. Without script the person presses
// Continue.
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

const waiting = document.querySelector("form[data-wait]");
if (waiting) wake(waiting);

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
